"""How much of a network address is looked at: the network that it lies in, or what one subscriber holds."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

TEXT_AT_MOST = 64


def network_of(address: str) -> str:
    """What is kept of an address in the long run: its /24 of IPv4 or /48 of IPv6; empty for what is no address."""
    return _cut(address, 24, 48) or ""


@lru_cache(maxsize=4096)
def subscriber_of(address: str) -> str:
    """What counts as one in a throttle: an IPv4 address, the /64 of an IPv6 one; a text that is none, for itself."""
    return (_cut(address, 32, 64) or address[:TEXT_AT_MOST]).removesuffix("/32")


def _cut(address: str, version_4: int, version_6: int) -> str | None:
    """The network of so many bits. An IPv4 address that is written as an IPv6 one (RFC 4291) is an IPv4 address."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped is not None:
        read = read.ipv4_mapped
    return str(ipaddress.ip_network((read, version_4 if read.version == 4 else version_6), strict=False))
