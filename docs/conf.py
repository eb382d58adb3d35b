"""Sphinx configuration: the furo theme, MyST Markdown, a notebook, and an API reference from docstrings."""

import re

project = "fsdl-bench"
author = "The fsdl-bench authors"
copyright = "2026, the fsdl-bench authors"  # noqa: A001

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebook has its outputs; tests/test_tutorial.py runs it

html_theme = "furo"
html_title = "fsdl-bench"

autodoc_typehints = "description"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
nitpicky = False
autodoc_default_options = {"undoc-members": False}


_CODE = re.compile(r"(?<![`:])`([^`\n]+)`(?!`)(\w?)")


def _as_code(found):
    """Write code as reStructuredText. A letter after it, such as a plural s, needs an escaped space."""
    return f"``{found[1]}``" + (f"\\ {found[2]}" if found[2] else "")


def _plain_docstring(app, what, name, obj, options, lines):  # noqa: ARG001
    """Turn a plain docstring into reStructuredText: an indented block is literal, and `x` is code."""
    if what in ("attribute", "data", "property") and lines and ":" in lines[0]:
        lines[0] = f": {lines[0]}"  # napoleon takes what precedes the first colon for a type: here, none
    out, fence = [], False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        if what == "module" and indented and not fence and number and not lines[number - 1].strip():
            out += ["::", ""]
        fence = indented or (fence and not line.strip())
        out.append(line if indented and what == "module" else _CODE.sub(_as_code, line))
    lines[:] = out


def setup(app):
    """Connect the conversion of docstrings; Sphinx calls this."""
    app.connect("autodoc-process-docstring", _plain_docstring, priority=400)
