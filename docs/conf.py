"""Sphinx configuration: furo, MyST, and the API reference from the docstrings."""

project = "fsdl-bench"
author = "The fsdl-bench authors"
copyright = "2026, the fsdl-bench authors"  # noqa: A001

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "fsdl-bench"

autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False
