"""A real HTTP server on loopback with scripted faults, archives for it to serve, and folders of files."""

import csv
import hashlib
import io
import os
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fsdl_bench.sources.common.base import open_source

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Host:
    """Serves `files` (path -> bytes); `faults` are used up first, one a request."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list = field(default_factory=list)  # ("drop", n) | ("status", code, headers) | ("body", bytes)
    ranges: bool = True
    etag: bool = True
    chunked: bool = False
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


def _handler(host: Host):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            host.requests.append((self.path, dict(self.headers)))
            fault = host.faults.pop(0) if host.faults else None
            if fault and fault[0] == "status":
                self.send_response(fault[1])
                for name, value in (fault[2] if len(fault) > 2 else {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = fault[1] if fault and fault[0] == "body" else host.files.get(self.path)
            if body is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.answer(body, fault[1] if fault and fault[0] == "drop" else None)

        def answer(self, body: bytes, drop_after: int | None):
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            start = 0
            asked = self.headers.get("Range", "")
            fits = self.headers.get("If-Range", tag) == tag
            if host.ranges and asked and fits:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            if host.etag:
                self.send_header("ETag", tag)
            if host.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            payload = body[start:] if drop_after is None else body[start : start + drop_after]
            if host.chunked:
                self.wfile.write(
                    b"%x\r\n%b\r\n" % (len(payload), payload) + (b"" if drop_after else b"0\r\n\r\n")
                )
            else:
                self.wfile.write(payload)
            if drop_after is not None:
                self.wfile.flush()
                self.connection.shutdown(2)
                self.close_connection = True

    return Handler


@pytest.fixture
def host(monkeypatch):
    """A server on loopback; the offline switch is off while it runs, and waiting takes no time."""
    from fsdl_bench.sources.common import download

    monkeypatch.setenv("FSDL_BENCH_OFFLINE", "0")
    state = Host()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    state.waits = []
    monkeypatch.setattr(download, "_sleep", state.waits.append)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def make_archive():
    """Bytes of a `.tar.gz`: `make_archive({"a.txt": b"..."})`; `extra` takes ready `TarInfo`s."""

    def make(files: dict[str, bytes], top: str = f"songs-{COMMIT}", extra=()) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            if top:
                folder = tarfile.TarInfo(top)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(folder)
            for name, data in files.items():
                info = tarfile.TarInfo(f"{top}/{name}" if top else name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            for info in extra:
                archive.addfile(info)
        return buffer.getvalue()

    return make


def _midi(*pitches: int) -> bytes:
    """A MIDI file of quarter notes, written byte by byte: no library has a say in what a test begins with."""
    events = b"".join(b"\x00\x90%c\x40\x60\x80%c\x00" % (pitch, pitch) for pitch in pitches)
    track = events + b"\x00\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + b"\x00\x00\x00\x01\x00\x60"
    return head + b"MTrk" + len(track).to_bytes(4, "big") + track


@pytest.fixture
def midi():
    """`midi(60, 62)`: the bytes of a small MIDI file."""
    return _midi


@pytest.fixture
def make_tree(tmp_path):
    """`make_tree({path: bytes})`: a folder with these files; a path may be bytes."""
    from fsdl_bench.sources.common.tree import Tree

    def make(files):
        root = tmp_path / "tree"
        root.mkdir(exist_ok=True)
        for name, data in files.items():
            path = root / os.fsdecode(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        return Tree(root)

    return make


@pytest.fixture(scope="session")
def real_files(mirror):
    """`real_files("facjure", keep)`: files of the mirror's archive whose path `keep` takes, path -> bytes."""

    def extract(owner: str, keep) -> dict[str, bytes]:
        (archive,) = mirror.glob(f"{owner}*.tar.gz")
        files = {}
        with tarfile.open(archive) as members:
            for member in members:
                path = member.name.partition("/")[2]
                if member.isfile() and keep(path):
                    files[path] = members.extractfile(member).read()
        return files

    return extract


@pytest.fixture(scope="session")
def csv_bytes():
    """`csv_bytes(rows, **options)`: rows as a csv file, with the options of `csv.writer`."""

    def write(rows, **options) -> bytes:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, **options).writerows(rows)
        return buffer.getvalue().encode()

    return write


@pytest.fixture
def open_csv(make_tree, csv_bytes):
    """`open_csv(files, **options)`: the source over tables, given as bytes, as rows, or by file."""

    def run(files, **options):
        files = {"songs.csv": files} if isinstance(files, (list, bytes)) else files
        data = {name: one if isinstance(one, bytes) else csv_bytes(one) for name, one in files.items()}
        return open_source("lyrics_csv", make_tree(data), kind="lyrics", **options)

    return run


@pytest.fixture(scope="session")
def contents():
    """`contents(source)`: artist, title and content of each song, in the order of the listing."""
    return lambda source: [
        (song.artist, song.title, song.content) for song in map(source.read, list(source.items()))
    ]
