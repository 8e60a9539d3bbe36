"""A process that calls with a few keys, again and again, and tells when each was refused.

`python -m tests.credentials.caller URL KEY...` writes `ready`, then a line `<place> <monotonic seconds>` per key.
"""

from __future__ import annotations

import sys
import time

from flask_apiguard.errors import Denied
from tests.credentials.house import House


def main(url: str, *keys: str) -> None:
    house = House(url)
    for key in keys:
        house.identify(key)
    print("ready", flush=True)
    for place, key in enumerate(keys):
        while True:
            try:
                house.identify(key)
            except Denied:
                print(place, time.monotonic(), flush=True)
                break
            time.sleep(0.004)


main(*sys.argv[1:])
