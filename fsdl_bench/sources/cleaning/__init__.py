"""Remove from users' lyrics what websites and exports put around them.

    line breaks     a literal backslash and n, <br>, or a list of lines in brackets become line breaks
    placeholders    "Instrumental", "lyrics not available", "nan": no song, which is rejected
    boilerplate     headers, advertisements and ends of pages of lyrics sites
    shared lines    first and last lines that most texts of the collection share, such as a table of rights

The last kind needs a look at the collection first (`Cleaner.survey`).
"""

from fsdl_bench.sources.cleaning.cleaner import FIRST_LINES, SAMPLE, SHARED, Cleaner
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
    "is_no_artist",
    "is_placeholder",
    "plain_name",
]
