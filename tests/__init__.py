"""The suite. It mirrors the rooms of the package; what all rooms share is in conftest.py and servers/.

This file exists so that `tests` is this folder and never an installed package of that name. The folders below need
none: pytest imports by path (`--import-mode=importlib`), so files in two rooms may have the same name.
"""
