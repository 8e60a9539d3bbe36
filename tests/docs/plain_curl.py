"""As much of curl as the README uses, for machines without it: -s, -i, -X, -H and one URL."""

from __future__ import annotations

import argparse
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-i", action="store_true")
parser.add_argument("-X", default="GET")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("url")
given = parser.parse_args()

parts = urlsplit(given.url)
connection = HTTPConnection(parts.netloc, timeout=30)
headers = {name.strip(): value.strip() for name, _, value in (header.partition(":") for header in given.H)}
connection.request(given.X, parts.path, headers=headers)
answer = connection.getresponse()
if given.i:
    sys.stdout.write(f"HTTP/1.1 {answer.status} {answer.reason}\r\n")
    sys.stdout.write("".join(f"{name}: {value}\r\n" for name, value in answer.getheaders()) + "\r\n")
sys.stdout.write(answer.read().decode())
