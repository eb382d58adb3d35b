"""The pattern that is proposed for names of files."""

import pytest

from fsdl_bench.sources.folder import suggested_pattern


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("{artist} - {title}", "{artist} - {title}"),
        ("{artist} \u2013 {title}", "{artist} - {title}"),
        ("{title} - {artist}", "{title} - {artist}"),
        ("{artist}_-_{title}", "{artist}_-_{title}"),
        ("{artist}_{title}", "{artist}_{title}"),
        ("07 - {artist} - {title}", "{any} - {artist} - {title}"),
        ("{artist} {title}", ""),
        ("07 - {title}", ""),
        ("{title}", ""),
    ],
)
def test_patterns(name, pattern):
    names = [name.format(artist=f"Poet {a}", title=f"Song {a} {t}") for a in "abc" for t in "xyz"]
    assert suggested_pattern(names) == pattern
