"""Start the server, and open the page."""

from __future__ import annotations

import ipaddress
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from fsdl_bench.errors import BadInput
from fsdl_bench.generation.soundfont import find_soundfont
from fsdl_bench.play.app import make_app
from fsdl_bench.play.desk import Desk
from fsdl_bench.play.ready import offers


def serve(
    *,
    tracks: Sequence[str] = (),
    submission: str | None = None,
    settings: Sequence[str] = (),
    host: str = "127.0.0.1",
    port: int = 0,
    allow_hosts: Sequence[str] = (),
    soundfont: Path | None = None,
    browser: bool = True,
    ready: Callable[[str], object] = print,
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        tracks: the tracks to offer; all that are built by default.
        submission: a model to offer besides the reference models.
        settings: `key=value` arguments of `submission`.
        host: the address to listen on.
        port: 0 chooses a free one.
        allow_hosts: names by which other machines may reach the page.
        soundfont: a `.sf2` or `.sf3` file; one that is installed by default.
        browser: whether to open the page.
        ready: called with the page's address.

    Raises:
        BadInput: no track is built, or the address is taken.
    """
    app = make_app(
        Desk(offers(tracks, submission, settings)),
        find_soundfont(soundfont),
        hosts=(*allow_hosts, host),
        any_address=not _loopback(host),
    )
    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}/"
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)

    def opened() -> None:
        ready(url)
        if browser:
            webbrowser.open(url)

    threading.Thread(target=opened, daemon=True).start()
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadInput(f"--host {host} --port {port}: cannot listen there: {error}") from None
    listener.listen(128)
    return listener


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
