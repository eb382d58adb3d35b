"""The web application: requests in, JSON or a stream of JSON lines out.

GET  /                          the page
POST /api/songs?track=&name=    a file in the body ──▶ its songs
POST /api/artist                ──▶ support songs of a test artist
POST /api/warm, /api/write      ──▶ a stream of events, one JSON object a line
GET  /api/samples/ID.mid|.txt   PUT /api/samples/ID.wav    GET /api/all.zip
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fsdl_bench.errors import BadInput
from fsdl_bench.music.notes import FAMILIES
from fsdl_bench.play.desk import Desk, UnknownSong
from fsdl_bench.play.downloads import archive, song_file
from fsdl_bench.play.guard import Guard
from fsdl_bench.play.orders import ArtistWish, WarmWish, WriteWish, parsed
from fsdl_bench.play.process import Event
from fsdl_bench.play.uploads import LARGEST, too_large
from fsdl_bench.sources.common.files import SUFFIXES

_JSON_LIMIT = 100_000
_WAV_LIMIT = 200_000_000
_LISTEN = 0.5  # seconds between two looks at whether the browser still listens


def make_app(
    desk: Desk, soundfont: Path | None = None, hosts: Collection[str] = (), any_address: bool = False
) -> Starlette:
    """Return the ASGI application.

    Args:
        desk: the songs and models.
        soundfont: what the browser plays with; None for its simple oscillators.
        hosts: see `Guard`.
        any_address: see `Guard`.
    """
    pages = Environment(loader=PackageLoader("fsdl_bench.play"), autoescape=select_autoescape())
    facts = {
        "offers": [asdict(offer) for offer in desk.offers.values()],
        "families": FAMILIES,
        "suffixes": SUFFIXES,
        "largest": LARGEST,
        "soundfont": soundfont is not None,
    }
    page = pages.get_template("page.html").render(facts=facts)

    async def index(_: Request) -> Response:
        return HTMLResponse(page)

    async def font(_: Request) -> Response:
        if soundfont is None:
            return JSONResponse({"error": "no soundfont is installed"}, 404)
        return FileResponse(soundfont, media_type="application/octet-stream")

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=desk.reader.start, daemon=True).start()
        yield
        desk.close()

    api = _Api(desk)
    static = Path(__file__).parent / "static"
    app = Starlette(
        routes=[
            Route("/", index),
            Route("/soundfont", font),
            Route("/api/songs", api.songs, methods=["POST"]),
            Route("/api/artist", api.artist, methods=["POST"]),
            Route("/api/warm", api.warm, methods=["POST"]),
            Route("/api/write", api.write, methods=["POST"]),
            Route("/api/all.zip", api.everything),
            Route("/api/samples/{name}.wav", api.put_wav, methods=["PUT"]),
            Route("/api/samples/{name}.{ending}", api.sample),
            Mount("/static", StaticFiles(directory=static)),
        ],
        middleware=[Middleware(Guard, hosts=hosts, any_address=any_address)],
        exception_handlers={BadInput: _refused},
        lifespan=life,
    )
    app.state.offers = tuple(desk.offers.values())
    return app


def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409 if isinstance(error, UnknownSong) else 400)


class _Api:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def songs(self, request: Request) -> Response:
        name = request.query_params.get("name", "")[:200] or "unnamed"
        data = await _body(request, LARGEST, too_large(name))
        read = partial(self._desk.upload, request.query_params.get("track", ""), name, data)
        return JSONResponse({"songs": [song.as_json() for song in await run_in_threadpool(read)]})

    async def artist(self, request: Request) -> Response:
        wish = parsed(ArtistWish, await _body(request, _JSON_LIMIT))
        songs = await run_in_threadpool(self._desk.artist, wish)
        return JSONResponse({"songs": [song.as_json() for song in songs]})

    async def warm(self, request: Request) -> Response:
        wish = parsed(WarmWish, await _body(request, _JSON_LIMIT))
        return await _streamed(request, partial(self._desk.warm, wish))

    async def write(self, request: Request) -> Response:
        wish = parsed(WriteWish, await _body(request, _JSON_LIMIT))
        return await _streamed(request, partial(self._desk.write, wish))

    async def sample(self, request: Request) -> Response:
        sample = self._desk.sample(request.path_params["name"])
        ending, data = song_file(sample.codec, sample.tokens, sample.programs, _tempo(request))  # type: ignore[arg-type]
        if request.path_params["ending"] != ending[1:]:
            raise BadInput(f"this sample is a {ending} file")
        kind = "audio/midi" if ending == ".mid" else "text/plain; charset=utf-8"
        return _download(data, kind, sample.stem + ending)

    async def put_wav(self, request: Request) -> Response:
        sample = self._desk.sample(request.path_params["name"])
        sample.wav = await _body(request, _WAV_LIMIT)
        return JSONResponse({"file": f"{sample.stem}.wav"})

    async def everything(self, request: Request) -> Response:
        desk, tempo = self._desk, _tempo(request)
        support = [desk.song(name) for name in request.query_params.get("support", "").split(",") if name]
        written = [desk.sample(name) for name in request.query_params.get("samples", "").split(",") if name]
        files = [(song.title, *song_file(song.codec, song.tokens, song.programs)) for song in support]
        data = await run_in_threadpool(archive, written, files, tempo)
        return _download(data, "application/zip", "fsdl-bench-songs.zip")


def _download(data: bytes, kind: str, name: str) -> Response:
    return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def _tempo(request: Request) -> float:
    text = request.query_params.get("tempo", "1")
    try:
        tempo = float(text)
    except ValueError:
        tempo = 0.0
    if not 0.2 <= tempo <= 5:
        raise BadInput(f"tempo: expected 0.2 to 5, found {text}")
    return tempo


async def _body(request: Request, limit: int, message: str = "the request is too large") -> bytes:
    """Return the body; raises `BadInput` as soon as it is known to be longer than the limit."""
    if int(request.headers.get("content-length") or 0) > limit:
        raise BadInput(message)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise BadInput(message)
    return bytes(data)


async def _streamed(request: Request, work: Callable[[threading.Event], Iterator[Event]]) -> Response:
    """Run blocking work in a thread; answer with its events as JSON lines while they come.

    An error before the first event is an error of the request; a later one is an event. When the browser
    hangs up, the work is stopped.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    queue: asyncio.Queue[Event | BadInput | None] = asyncio.Queue()

    def put(item: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def run() -> None:
        try:
            for event in work(stop):
                put(event)
                if stop.is_set():
                    break
        except BadInput as error:
            put(error)
        finally:
            put(None)

    threading.Thread(target=run, daemon=True).start()

    async def following() -> Event | BadInput | None:
        while True:
            try:
                return await asyncio.wait_for(queue.get(), _LISTEN)
            except TimeoutError:
                if await request.is_disconnected():
                    stop.set()
                    return None

    first = await following()
    if isinstance(first, BadInput):
        raise first

    async def lines() -> AsyncIterator[bytes]:
        item: Event | BadInput | None = first
        try:
            while item is not None:
                event = {"type": "error", "error": str(item)} if isinstance(item, BadInput) else item
                yield json.dumps(event, ensure_ascii=False).encode() + b"\n"
                item = await following()
            yield b'{"type": "done"}\n'
        finally:
            stop.set()

    return StreamingResponse(
        lines(), media_type="application/x-ndjson", headers={"cache-control": "no-store"}
    )
