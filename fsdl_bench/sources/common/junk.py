"""Files that belong to a repository, a system or a program, and are no songs; told by their names alone.

A song may be called Copying, Changelog or License To Kill. So among an artist's files only a bare README or
LICENSE is a document, and only as such files are written: in capitals or in small letters (`LICENSE.txt`, but
not `License.txt`). At the top of a folder, where there are no songs, every usual name of a document counts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_TEXT = r"(?:\.(?:txt|md|rst|html?|pdf|rtf))?"
_AT_TOP = re.compile(
    r"(?:read[ _-]?me|licen[cs]es?|copying|copyright|notice|change(?:s|log)|news|history|"
    r"contribut(?:ing|ors)|authors|credits|code_of_conduct|security|install|todo|citation|requirements|constraints|robots|"
    r"makefile|dockerfile|pipfile|procfile|jenkinsfile|cmakelists|gemfile|rakefile|vagrantfile|codeowners)"
    rf"(?:[._-][A-Za-z0-9]+)?{_TEXT}",
    re.IGNORECASE,
)
_AMONG_SONGS = re.compile(
    r"(?i:readme|licen[cs]e|makefile|dockerfile)|(?:README|readme|LICEN[CS]E|licen[cs]e)\.(?:txt|TXT|md)"
)

_HIDDEN = re.compile(r"\.[A-Za-z_]")  # not the artist .38 Special, nor the song ...Baby One More Time
_SONG = re.compile(r"\.(?!Trash)[A-Z].*\.(?:txt|midi?|kar|smf|rmi|abc)", re.IGNORECASE)
_CAPITAL = re.compile(r"\.[A-Z]")  # the song .Com, as few programs hide files under a capital letter
_BACKUP = re.compile(r"#.*\.\w+#|~\$.+|.+\.\w{2,8}~|\.~.+|Icon\r")  # of editors and office programs

_FOLDERS = frozenset(
    {
        "__macosx",
        "__pycache__",
        "node_modules",
        "bower_components",
        "site-packages",
        "venv",
        "virtualenv",
        "@eadir",
        "@recycle",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
    }
)
_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
_CVS = re.compile(r"Entries(?:\.\w+)?|Repository|Root|Tag|Template|Base(?:rev)?|Notify")
_OF_A_REPOSITORY = frozenset(
    {"docs", "doc", "scripts", "script", "src", "tests", "test", "tools", "examples", "env", "build", "dist"}
)


def is_document(name: str) -> bool:
    """Whether a file at the top of a folder is a document by its name, such as requirements.txt."""
    return _AT_TOP.fullmatch(name) is not None


def is_repository(folder: Path) -> bool:
    """Whether a folder is a repository of code: `.git` or a document is at its top."""
    with os.scandir(folder) as entries:
        return any(entry.name == ".git" or is_document(entry.name) for entry in entries)


def is_junk(path: str, repository: bool = False) -> bool:
    """Whether a path is no song by its names.

    Args:
        path: relative to the folder of the songs.
        repository: whether the folder is a repository of code, whose `docs`, `src` and so on are no artists.
    """
    *folders, name = path.split("/")
    if any(_HIDDEN.match(folder) or folder.casefold() in _FOLDERS for folder in folders):
        return True
    if repository and folders and folders[0] in _OF_A_REPOSITORY:
        return True
    if _BACKUP.fullmatch(name) or name.casefold() in _FILES or name.casefold() in _FOLDERS:
        return True
    if _HIDDEN.match(name) and not (folders and _CAPITAL.match(name) and _SONG.fullmatch(name)):
        return True
    if folders and folders[-1] == "CVS" and _CVS.fullmatch(name):
        return True
    return (_AMONG_SONGS if folders else _AT_TOP).fullmatch(name) is not None
