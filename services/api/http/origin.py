"""Refuse what a web page of somebody else sends to a server that needs no key.

Without keys whoever reaches the server may use it, and every web page in a browser on this computer reaches it.
Browsers keep pages from reading the answers of other servers, but not from sending requests, so three things are
checked:

- **Host.** A page can let its own name lead to this computer (DNS rebinding); the browser then takes both for one
  server. The name stays in the header, so it must be one of this computer's.
- **Origin and Sec-Fetch-Site.** A browser says from which page a request comes. Foreign pages are refused, except
  where a person follows a link. Older browsers send no Origin with a form, but a Referer.
- **Content-Type.** Forms cannot send JSON, so a browser's request that changes something must be JSON. Programs send
  all kinds: ``curl -d`` calls JSON a form, as in Ollama's examples, and Node calls it plain text. So only requests with
  one of the headers that browsers add are held to it.

With keys nothing is checked: a page has no key, and browsers add none by themselves.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

import falcon

from services.core.errors import BadRequest, Forbidden
from services.core.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

APP_SCHEMES = frozenset({"app", "file", "tauri", "vscode-file", "vscode-webview"})
"""How the origins of desktop applications begin, as Ollama has them. No web page can have such an origin."""

DOCKER_NAMES = frozenset({"host.docker.internal", "host.containers.internal"})
"""What containers call the computer that they run on. Nobody can own these names."""

PRIVATE_SUFFIXES = ("", ".local", ".lan", ".internal", ".home.arpa")
"""What networks put behind the name of a computer; these endings do not exist in the public DNS."""


class OriginGuard:
    """Middleware that checks where a request without a key comes from. Never blocks but for one look-up of a name."""

    def __init__(self, settings: Settings, keyless: bool) -> None:
        """Take whether requests need no key."""
        self._keyless = keyless
        self._any_host = "*" in settings.allowed_hosts
        self._hosts = frozenset(host.lower() for host in (settings.host, *settings.allowed_hosts)) | DOCKER_NAMES
        self._origins = frozenset(settings.cors_origins)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raise `Forbidden` for a request that a foreign page may have sent, `BadRequest` for one without a Host."""
        host = req.get_header("Host") or ""
        if not host and req.env.get("SERVER_PROTOCOL") != "HTTP/1.0":
            raise BadRequest("The request has no header Host, which HTTP/1.1 demands; send one.")
        if self._keyless and not req.context.caller.name:
            self._check_host(host)
            self._check_origin(req, host)
            check_type(req)

    def _check_host(self, host: str) -> None:
        name = host_name(host)
        # Only programs of before 1997 send no Host.
        if host and not (self._any_host or is_address(name) or name in self._hosts or name in own_names()):
            raise Forbidden(
                f"The header Host has the name {name!r}, which is none of this computer's, so a web page may have sent "
                "this request. Use the IP address or localhost, add the name to the setting allowed_hosts, or use keys."
            )

    def _check_origin(self, req: falcon.Request, host: str) -> None:
        origin = req.get_header("Origin")
        if origin is not None and self._is_listed(origin):
            return
        page = origin or (None if req.method in SAFE_METHODS else req.get_header("Referer"))
        foreign = page is not None and authority(page) != host.lower()
        if foreign or (req.get_header("Sec-Fetch-Site") == "cross-site" and not follows_link(req)):
            raise Forbidden(
                f"A web page of another origin ({page or 'unknown'!r}) sent this request. If you trust the page, add "
                "its origin to the setting cors_origins, or use keys."
            )

    def _is_listed(self, origin: str) -> bool:
        return "*" in self._origins or origin in self._origins or origin.partition("://")[0] in APP_SCHEMES


def check_type(req: falcon.Request) -> None:
    """Raise `Forbidden` for a browser's request that changes something and is no JSON."""
    browser = any(req.get_header(name) for name in ("Origin", "Referer", "Sec-Fetch-Site"))
    kind = (req.content_type or "").partition(";")[0].strip().lower()
    has_body = req.content_length or req.get_header("Transfer-Encoding")
    if browser and req.method not in SAFE_METHODS and (kind or has_body) and not is_json(kind):
        raise Forbidden(
            f"The request comes from a browser and has the content type {kind or 'none'!r}, as a form of a foreign "
            "page may have. Send 'Content-Type: application/json'."
        )


def is_json(kind: str) -> bool:
    """Return whether a media type is JSON."""
    return kind == "application/json" or kind.endswith("+json")


def follows_link(req: falcon.Request) -> bool:
    """Return whether a person follows a link to a page, whose answer the page with the link cannot see."""
    opens = req.get_header("Sec-Fetch-Mode") == "navigate" and req.get_header("Sec-Fetch-Dest") == "document"
    return req.method == "GET" and opens


def authority(address: str) -> str:
    """Return the host and port of a web address in lower case; empty for what is none."""
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port; empty for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def is_address(name: str) -> bool:
    """Return whether a host is an IP address: no DNS leads from another name to it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@cache
def own_names() -> frozenset[str]:
    """Return the names of this computer. Blocks the first time, while the full name is looked up."""
    return frozenset(("localhost", *names_of(socket.gethostname()), socket.getfqdn().lower()))


def names_of(hostname: str) -> Iterable[str]:
    """Return how the computer with this name is called in networks without a DNS of their own."""
    name = hostname.lower()
    short = name.partition(".")[0]
    return (name, *(f"{short}{suffix}" for suffix in PRIVATE_SUFFIXES))
