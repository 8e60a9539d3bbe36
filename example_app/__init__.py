"""Tidewater Supply, a small wholesaler of harbour goods, opens its order API to partners.

``data`` and ``staff`` are the company's own: its database, its people. ``before`` is the API as it was, for those
people only. ``api`` is the same API opened to partners, and ``guard`` what the gate in front of it needs to know.
"""

from .app import create_app

__all__ = ["create_app"]
