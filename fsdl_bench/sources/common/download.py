"""One file over HTTP: resumed where it broke off, retried with back-off, shown as it comes.

Bytes go to `<name>.part`; next to it `<name>.part.json` keeps the server's validator (a strong ETag, or the
date of last modification), so that a later run asks for the rest only of the same file (`Range` with
`If-Range`). A server that has no ranges, or another file by now, answers with the whole, and the part is
started over.

Waiting: 1, 2, 4, ... at most 30 s between tries, or what `Retry-After` says. The count starts over whenever
the file grew, so a link that breaks every minute still finishes.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_write

if TYPE_CHECKING:
    import requests

TRIES = 6
"""Tries without a single new byte before giving up."""

_LONGEST_WAIT = 30.0
_LONGEST_RETRY_AFTER = 300.0
_TIMEOUT = (15.0, 60.0)
_CHUNK = 1 << 18
_sleep = time.sleep


class NotFound(BadInput):
    """The server says that there is no such file."""


class _BrokenError(Exception):
    """A fault that another try may mend."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


@dataclass
class Downloader:
    """Fetches one URL into one file; given to pooch, which checks the hash and moves the file into place.

    Attributes:
        part: the file that grows; it outlives a kill.
        blind: whether to resume even where the server gives no validator. Right only if a hash is checked
            afterwards.
        progress: whether to draw a bar on stderr (drawn on a terminal only).
    """

    part: Path
    blind: bool = False
    progress: bool = True
    _session: requests.Session | None = field(default=None, init=False, repr=False)

    def __call__(self, url: str, output_file: str | os.PathLike[str], _pooch: Any = None) -> None:
        """Download `url` to `output_file`.

        Raises:
            NotFound: the server has no such file.
            BadInput: it cannot be downloaded; the message says why and what to do.
        """
        import requests

        self.part.parent.mkdir(parents=True, exist_ok=True)
        with requests.Session() as self._session:
            self._session.headers["Accept-Encoding"] = "identity"  # the bytes as they are stored there
            self._session.headers["User-Agent"] = "fsdl-bench"
            self._until_complete(url)
        self.part.replace(output_file)
        self._notes.unlink(missing_ok=True)

    @property
    def _notes(self) -> Path:
        return self.part.with_name(self.part.name + ".json")

    def _until_complete(self, url: str) -> None:
        failures, reached = 0, self._size()
        while True:
            try:
                return self._try(url)
            except _BrokenError as broken:
                failures = 0 if self._size() > reached else failures
                reached = max(reached, self._size())
                failures += 1
                if failures >= TRIES:
                    raise BadInput(
                        f"cannot fetch {url}: {broken} ({failures} tries). What has come is kept: run again "
                        "to go on, or pass --mirror with a folder or URL that holds the archive."
                    ) from None
                _sleep(broken.wait if broken.wait is not None else min(2.0 ** (failures - 1), _LONGEST_WAIT))

    def _try(self, url: str) -> None:
        import requests
        import urllib3

        assert self._session is not None
        have = self._size()
        headers = {}
        if have and (validator := self._validator()):
            headers = {"Range": f"bytes={have}-", "If-Range": validator}
        elif have and self.blind:
            headers = {"Range": f"bytes={have}-"}
        try:
            with self._session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
                self._receive(url, answer, have if headers else 0)
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            raise BadInput(f"cannot fetch {url}: {error}") from None
        except (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema) as error:
            raise BadInput(f"cannot fetch {url}: {error}") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _BrokenError(_plain(error)) from None

    def _receive(self, url: str, answer: requests.Response, have: int) -> None:
        status = answer.status_code
        if status == 416 and have:  # the part is no beginning of that file, or is all of it
            if answer.headers.get("Content-Range", "") == f"bytes */{have}":
                return
            self._forget()
            raise _BrokenError("the part did not fit the file", wait=0.0)
        if status in (404, 410):
            raise NotFound(
                f"there is nothing at {url} (HTTP {status}): check the pin, or the address given to --mirror."
            )
        if status == 429 or status == 408 or status >= 500:
            raise _BrokenError(
                f"HTTP {status} {answer.reason}", _retry_after(answer.headers.get("Retry-After"))
            )
        if status not in (200, 206):
            raise BadInput(f"cannot fetch {url}: HTTP {status} {answer.reason}")
        if status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            self._forget()
            raise _BrokenError(
                f"asked from byte {have} on, got {answer.headers.get('Content-Range')}", wait=0.0
            )
        start = have if status == 206 else 0
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        if start == 0:
            self._remember(answer)
        self._write(url, answer, start, total)
        if total is not None and (size := self._size()) != total:
            raise _BrokenError(f"the connection ended after {size} of {total} bytes")

    def _write(self, url: str, answer: requests.Response, start: int, total: int | None) -> None:
        from tqdm import tqdm

        name = url.rsplit("/", 1)[-1][:40]
        hidden = None if self.progress else True
        with (
            self.part.open("ab" if start else "wb") as stream,
            tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, disable=hidden) as bar,
        ):
            for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                stream.write(chunk)
                bar.update(len(chunk))

    def _remember(self, answer: requests.Response) -> None:
        tag = answer.headers.get("ETag", "")
        validator = answer.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
        self._forget()
        atomic_write(self._notes, json.dumps({"validator": validator}))

    def _validator(self) -> str:
        try:
            return str(json.loads(self._notes.read_text())["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _size(self) -> int:
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0


def _retry_after(value: str | None) -> float | None:
    """Seconds from a `Retry-After` header, which holds seconds or a date; None where it holds neither."""
    if not value:
        return None
    if value.strip().isdigit():
        seconds = float(value)
    else:
        from email.utils import parsedate_to_datetime

        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _plain(error: Exception) -> str:
    """The innermost cause in one line: the libraries wrap it several times."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__context__) and isinstance(inner, BaseException):
        cause = inner
    return f"{type(cause).__name__}: {cause}"
