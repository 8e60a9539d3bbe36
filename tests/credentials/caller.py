"""A process that calls with a few keys, again and again, and tells of each when the last call began that was let in.

`python -m tests.credentials.caller URL KEY...` writes `ready`, then a line `<place> <monotonic seconds>` per key, once
it is refused.
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
        let_in = 0.0
        while True:
            began = time.monotonic()
            try:
                house.identify(key)
            except Denied:
                print(place, let_in, flush=True)
                break
            let_in = began
            time.sleep(0.004)


main(*sys.argv[1:])
