"""Which names are junk, and which songs only look like it."""

import pytest

from fsdl_bench.sources.common.junk import is_document, is_junk

SONGS = [
    "Ada/License_To_Kill.mid",
    "Ada/License to Kill.txt",
    "Ada/License.txt",
    "Ada/Licence.mid",
    "Ada/Readme_My_Rights.txt",
    "Ada/README.mid",
    "Ada/Copying.txt",
    "Ada/Authors.txt",
    "Ada/Contributing.txt",
    "Ada/Changelog.mid",
    "Ada/Makefile.txt",
    "Ada/Requirements.txt",
    "Ada/.Com.mid",
    "Ada/.Com (Live).txt",
    "Ada/.38",
    "Ada/...Baby One More Time.txt",
    "Ada/#1 Crush.txt",
    "Ada/Love~.txt",
    "Ada/Entries.txt",
    "CVS/Pharmacy Blues.txt",
    ".38 Special/One.txt",
    "$uicideboy$/One.txt",
    "Docs/One.txt",
    "docs/One.txt",
    "Lost/One.txt",
    "License - Ada.txt",
    "License_To_Kill.mid",
    "Readme_My_Rights.txt",
]
JUNK = [
    "README",
    "README.txt",
    "README.de.txt",
    "LICENSE-MIT",
    "requirements.txt",
    "requirements-dev.txt",
    "Copying.txt",
    "Ada/README",
    "Ada/readme.txt",
    "Ada/LICENSE",
    "Ada/LICENCE.txt",
    "Ada/Makefile",
    "Ada/.DS_Store",
    "Ada/._One.mid",
    "Ada/.notes.txt",
    "Ada/.Trash-1000.txt",
    "Ada/#One.txt#",
    "Ada/One.txt~",
    "Ada/~$One.txt",
    "Ada/.~One.txt",
    "Ada/CVS/Entries",
    "CVS/Repository",
    "@eaDir/x.txt",
    "Ada/@eaDir/One.txt",
    "venv/lib/python3/site-packages/numpy/LICENSE.txt",
    "venv/words.txt",
    "$RECYCLE.BIN/S-1-5/One.txt",
    "System Volume Information/x.txt",
    "lost+found/x.txt",
    "__MACOSX/Ada/One.txt",
    ".git/description.txt",
]


@pytest.mark.parametrize("path", SONGS)
def test_songs(path):
    assert not is_junk(path)


@pytest.mark.parametrize("path", JUNK)
def test_junk(path):
    assert is_junk(path)


def test_the_folders_of_a_repository():
    assert is_junk("docs/One.txt", repository=True)
    assert not is_junk("Docs/One.txt", repository=True)
    assert not is_junk("Ada/docs/One.txt", repository=True)


def test_documents():
    assert all(map(is_document, ["README.md", "readme", "LICENSE.txt", "requirements.txt", "Makefile"]))
    assert not any(map(is_document, ["Ada - License.txt", "Songs.txt", "License_To_Kill.mid"]))
