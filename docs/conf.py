"""How the documentation is built. Nothing here asks the network for anything."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "Flask-APIGuard"
copyright = "The Flask-APIGuard authors"
author = "The Flask-APIGuard authors"
release = version_of("Flask-APIGuard")
version = release

# `references` writes the reference pages from the package itself, so that they say what the code does.
extensions = ["sphinx.ext.autodoc", "pallets_sphinx_themes", "references"]
root_doc = "index"
exclude_patterns = ["_build"]
default_role = "code"
nitpicky = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "flask"
html_title = f"Flask-APIGuard {release}"
html_short_title = "Flask-APIGuard"
html_copy_source = False
html_show_sourcelink = False
html_use_index = True
html_sidebars = {"**": ["localtoc.html", "relations.html", "searchbox.html"]}
html_theme_options = {"index_sidebar_logo": False}
