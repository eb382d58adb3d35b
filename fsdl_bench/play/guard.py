"""Only requests of the page itself are answered, and only if it was opened on this machine.

- `Host` must be a loopback address, or one that was allowed. A web page whose name was pointed at this
  machine (DNS rebinding) sends its own name.
- `Origin`, which browsers send with every POST, must be the page's own. `Sec-Fetch-Site` must not name
  another site, except where a link leads to the page.

See https://owasp.org/www-community/attacks/csrf and https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware that refuses foreign requests, and sets the security headers of every answer.

    Args:
        app: the application.
        hosts: names that are allowed besides loopback addresses.
        any_address: whether every IP address is allowed, for a server that other machines may reach.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = (), any_address: bool = False) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        why = self._objection(Headers(scope=scope), scope["method"], scope["path"])

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = JSONResponse({"error": why}, 403) if why else self._app
        await answer(scope, receive, guarded)

    def _objection(self, headers: Headers, method: str, path: str) -> str:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._known(host):
            return f"the host {host!r} is refused; open http://127.0.0.1 with the port, or pass --allow-host"
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return f"requests from {origin!r} are refused"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not (method == "GET" and path == "/"):
            return "requests from other sites are refused"
        return ""

    def _known(self, host: str) -> bool:
        name = host.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name == "localhost" or name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._any_address
