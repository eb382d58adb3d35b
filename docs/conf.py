"""Sphinx configuration: furo, MyST, and the API reference from the docstrings."""

import re

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
napoleon_use_ivar = True
autodoc_member_order = "bysource"
nitpicky = False
autodoc_default_options = {"undoc-members": False}


def _plain_docstring(app, what, name, obj, options, lines):  # noqa: ARG001
    """Docstrings are written to be read as they stand: an indented block is literal, and `x` is code."""
    out, fence = [], False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        if what == "module" and indented and not fence and number and not lines[number - 1].strip():
            out += ["::", ""]
        fence = indented or (fence and not line.strip())
        code = (
            line
            if indented and what == "module"
            else _CODE.sub(r"``\1``", _CODE_IN_WORD.sub(r"``\1``\\ ", line))
        )
        out.append(code)
    lines[:] = out


_CODE = re.compile(r"(?<![`:\w])`([^`\n]+)`(?!`)")
_CODE_IN_WORD = re.compile(r"(?<![`:\w])`([^`\n]+)`(?=\w)")


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _plain_docstring, priority=400)
