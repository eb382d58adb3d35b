"""Texts that stand for missing words are no songs; short songs are."""

import pytest

from fsdl_bench.errors import Rejected
from fsdl_bench.sources.cleaning import Cleaner, is_placeholder

cleaned = Cleaner().clean


@pytest.mark.parametrize(
    "text",
    [
        "Instrumental",
        "[Instrumental]",
        "(instrumental)\n",
        "*** INSTRUMENTAL ***",
        "This song is instrumental.",
        "Lyrics not available",
        "not available",
        "N/A",
        "nan",
        "NaN",
        "None",
        "null",
        "Lyrics for this song have yet to be released. Please check back once the song has been released.",
        "We do not have the lyrics for this song yet.",
        '["Instrumental"]',
        "3 ContributorsThe Sea Lyrics[Instrumental]Embed",
    ],
)
def test_placeholders_are_no_songs(text):
    with pytest.raises(Rejected, match="placeholder"):
        cleaned(text, "The Sea")


@pytest.mark.parametrize(
    "text",
    ["None but the brave\n", "nan nan nan\n", "Instrumental in my fall\n", "ooh\n", "na na na na\n", ""],
)
def test_short_songs_are_songs(text):
    assert not is_placeholder(text)
