r"""Remove from users' lyrics what websites and exports put around them.

    line breaks     printed lists and strings, `\n`, HTML and other separators become lines
    placeholders    "Instrumental", "lyrics not available", "nan", a text that several artists have: no song
    boilerplate     headers, advertisements and ends of pages of lyrics sites
    shared lines    first and last lines that most texts share: rights, credits, labels

Shared lines and shared texts need a look at the collection first (`Cleaner.survey`). Rows and folders of the
artists "nan", "Unknown" or "Various Artists" are rejected.
"""

from fsdl_bench.sources.cleaning.cleaner import FIRST_LINES, SAMPLE, SHARED, Cleaner, Spread
from fsdl_bench.sources.cleaning.names import plain_name
from fsdl_bench.sources.cleaning.notation import LINE_BREAKS
from fsdl_bench.sources.cleaning.placeholders import is_no_artist, is_placeholder
from fsdl_bench.sources.cleaning.shared import Sample

__all__ = [
    "FIRST_LINES",
    "LINE_BREAKS",
    "SAMPLE",
    "SHARED",
    "Cleaner",
    "Sample",
    "Spread",
    "is_no_artist",
    "is_placeholder",
    "plain_name",
]
