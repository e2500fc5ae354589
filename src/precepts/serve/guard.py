"""Who may ask: the Host and Origin of a request, a token in every form, and, beyond this machine, a key.

Another page in the same browser can send requests to 127.0.0.1, and a name that resolves to it passes for an origin of its own (DNS
rebinding). So a request must name a host that this server goes by, one that changes something must come from a page of this server, and
nothing of what is served may be embedded or run elsewhere.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "precepts_key"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}  # fmt: skip


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Guard:
    """What requests are held to.

    Attributes:
        host: The address listened on. On a loopback address only loopback names are answered; else any address in digits, and `host`.
        key: What a browser must have been opened with; empty asks for none.
        token: What every form carries.
    """

    host: str = "127.0.0.1"
    key: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def knows(self, name: str) -> bool:
        """Whether a Host header names this server; a port in it does not matter."""
        bare = name[: name.rfind(":")] if ":" in name and not name.endswith("]") else name
        if is_loopback(bare):
            return True
        if is_loopback(self.host):
            return False
        try:
            ipaddress.ip_address(bare.strip("[]"))
        except ValueError:
            return bare == self.host
        return True

    def refuses(self, method: str, headers: Headers) -> str:
        """Why a request is not answered; empty if it is."""
        host = headers.get("host", "")
        if not self.knows(host):
            return "This server does not go by that name. Open it under the address that it printed."
        site, origin = headers.get("sec-fetch-site", ""), headers.get("origin")
        if method in ("GET", "HEAD"):
            embedded = site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"
            return "Another site's page asked for this." if embedded else ""
        if origin is not None and origin.partition("://")[2] != host:
            return "Another site's page sent this."
        if origin is None and site not in ("", "same-origin", "none"):
            return "Another site's page sent this."
        return ""

    def holds(self, token: str) -> bool:
        """Whether a form came from a page of this server."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def opens(self, given: str) -> bool:
        """Whether this is the key, or none is asked for."""
        return not self.key or hmac.compare_digest(given.encode(), self.key.encode())


class GuardMiddleware:
    """Puts a Guard before an application, and its headers on every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        """Called by Starlette."""
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or says why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(scope)
        await (answer or self.app)(scope, receive, sealed)

    def _answer(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if why := self.guard.refuses(scope["method"], headers):
            return PlainTextResponse(why, 403)
        if not self.guard.key:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("key")
        if given is not None and self.guard.opens(given):
            rest = urlencode([(name, value) for name, value in query if name != "key"])
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, self.guard.key, httponly=True, samesite="strict")
            return answer
        if self.guard.opens(cookie_parser(headers.get("cookie", "")).get(COOKIE, "")):
            return None
        return PlainTextResponse("Open this with the address that the server printed: it holds the key.", 401)
