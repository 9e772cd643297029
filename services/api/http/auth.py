"""Check API keys: where keys are configured, every request but a probe needs one.

Without keys the server listens on this computer alone, and every caller is an administrator. With `allow_anonymous` it
may listen on all addresses, and callers without a key are no administrators. A responder that changes what others use
begins with `require_admin`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import falcon

from services.core.caller import Caller
from services.core.errors import BadRequest, Forbidden, Unauthorized
from services.core.key_text import KEY_PREFIX
from services.core.keys import Keys, is_loopback
from services.core.settings import Settings

PRIORITY_HEADER = "X-RKLLM-Priority"
PRIORITIES = ("interactive", "background")

OPEN_PATHS = frozenset({"/", "/health", "/v1/health", "/ready", "/v1/ready", "/docs", "/openapi.json"})
"""Paths that need no key: neither a monitoring system nor the address bar of a browser has one. Who has no key learns
there whether the server works, and nothing of its files and processes."""

METRICS = "/metrics"

KEY_PARAMETERS = frozenset(
    {"key", "api_key", "api-key", "apikey", "x-api-key", "token", "access_token", "authorization"}
)
"""Names of query parameters in which people send keys."""

LOG_INTERVAL = 10.0
"""The least seconds between two log lines about refused keys."""

log = logging.getLogger(__name__)


class Auth:
    """Middleware that identifies the caller before the body is read. Never blocks."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        key_headers: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the headers in which some clients send keys, besides ``Authorization``."""
        self._keys, self._key_headers = keys, key_headers
        self._open = OPEN_PATHS | {METRICS} if settings.metrics_public else OPEN_PATHS
        self._anonymous = settings.allow_anonymous or not keys.configured
        # On an address that others reach, nobody is an administrator without a key.
        self._keyless = Caller(admin=not keys.configured and is_loopback(settings.host))
        self._refusals = Refusals(clock)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Set the caller of the request. Raises `Unauthorized` and `BadRequest`."""
        req.context.caller = self._keyless
        refuse_key_in_address(req)
        # A browser asks with OPTIONS what it may send, before it sends the key; the answer has no secrets.
        if req.method == "OPTIONS":
            return
        try:
            found = self._caller(req)
        except Unauthorized:
            if req.path not in self._open:
                self._refusals.note(req.remote_addr)
                raise
            found = self._keyless
        caller = with_priority(found, req.get_header(PRIORITY_HEADER))
        req.context.caller, req.context.trace.key = caller, caller.name

    def _caller(self, req: falcon.Request) -> Caller:
        # Without keys the header is ignored: it may have a password for the proxy in front of the server.
        if self._anonymous and not self._keys.configured:
            return self._keyless
        secret = presented_key(req, self._key_headers)
        if secret is None or not self._keys.configured:
            if self._anonymous:
                return self._keyless
            raise refused("This server needs an API key; the request has none.")
        found = self._keys.find(secret)
        if found is None:
            raise refused("The API key of this request is unknown: it is mistyped or revoked.")
        return found


def refused(found: str) -> Unauthorized:
    """Return the error that says what was `found` and what is needed."""
    return Unauthorized(f"{found} Send the header 'Authorization: Bearer KEY'; docs/install.md says where keys are.")


class Refusals:
    """Logs refused keys: the first at once, then one line per `LOG_INTERVAL` seconds for all since. Thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._count, self._next = 0, float("-inf")

    def note(self, address: str) -> None:
        """Count one more refused key, sent from `address`; log it if a line is due."""
        with self._lock:
            self._count += 1
            now = self._clock()
            if now < self._next:
                return
            count, self._count, self._next = self._count, 0, now + LOG_INTERVAL
        log.warning("%d request(s) without a valid key, the last from %s", count, address)


def presented_key(req: falcon.Request, key_headers: Sequence[str]) -> bytes | None:
    """Return the key of a request: that in ``Authorization``, else that in one of `key_headers`, else None.

    Raises `Unauthorized` for another scheme than ``Bearer``.
    """
    header = req.get_header("Authorization")
    if header is None:
        found = next((value for name in key_headers if (value := req.get_header(name)) is not None), None)
        return None if found is None else found.strip().encode("latin-1", "replace")
    scheme, _, secret = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("The header Authorization must be 'Bearer KEY'; this request has another kind.")
    return secret.strip().encode("latin-1", "replace")


def refuse_key_in_address(req: falcon.Request) -> None:
    """Raise `BadRequest` if the address has a key: addresses stay in logs and histories, so it is no secret there."""
    for name, values in req.params.items():
        found = values if isinstance(values, list) else [values]
        if name.lower() in KEY_PARAMETERS or any(value.startswith(KEY_PREFIX) for value in found):
            raise BadRequest(
                "The request's address has a key. Addresses are kept in logs and histories, so revoke that key, make "
                "a new one, and send it in the header 'Authorization: Bearer KEY'."
            )


def with_priority(caller: Caller, wanted: str | None) -> Caller:
    """Return `caller`, with low priority if the header says so; a key of low priority stays so. Raises `BadRequest`."""
    if wanted is None:
        return caller
    if wanted not in PRIORITIES:
        raise BadRequest(f"The header {PRIORITY_HEADER} is {wanted!r}; send interactive or background.")
    return replace(caller, low_priority=caller.low_priority or wanted == "background")


def require_admin(req: falcon.Request) -> None:
    """Raise `Forbidden` unless the caller is an administrator."""
    caller: Caller = req.context.caller
    if not caller.admin:
        found = f"the key {caller.name!r} has not" if caller.name else "a request without a key has not"
        raise Forbidden(
            f"This needs the role of an administrator, which {found}. Send the admin key; docs/install.md says where."
        )
