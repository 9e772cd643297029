"""Who may come in: every request but a probe needs a key, where keys are asked for.

Where none are, the server listens on this computer alone, and whoever asks it owns it; with `allow_anonymous` it may
listen to all, who own nothing. `require_admin` is the first line of a responder that changes what others use.
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
from services.core.keys import KEY_PREFIX, Keys, is_loopback
from services.core.settings import Settings

PRIORITY_HEADER = "X-RKLLM-Priority"
PRIORITIES = ("interactive", "background")

OPEN = frozenset({"/", "/health", "/v1/health", "/ready", "/v1/ready", "/docs", "/openapi.json"})
"""Paths that answer whoever asks, since neither the machines that watch a server nor a browser's address bar have a
key. They tell nothing that the files of this project do not."""

METRICS = "/metrics"

IN_ADDRESS = frozenset({"key", "api_key", "api-key", "apikey", "x-api-key", "token", "access_token", "authorization"})
"""Names of query parameters under which people send keys."""

TOLD_EVERY = 10.0
"""Seconds between two log lines about refused keys, however many come."""

log = logging.getLogger(__name__)


class Auth:
    """Finds out who asks, before anything of the request is read. Never waits."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        key_headers: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key_headers` are those in which some clients send keys, besides ``Authorization``."""
        self._keys, self._key_headers = keys, key_headers
        self._open = OPEN | {METRICS} if settings.metrics_public else OPEN
        self._anonymous = settings.allow_anonymous or not keys.configured
        self._nobody = Caller(admin=not keys.configured and is_loopback(settings.host))
        self._refusals = Refusals(clock)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raises `Unauthorized` and `BadRequest`."""
        req.context.caller = self._nobody
        refuse_key_in_address(req)
        # A browser asks with OPTIONS what it may send before it sends the key; the answer tells nothing else.
        if req.path in self._open or req.method == "OPTIONS":
            return
        caller = with_priority(self._caller(req), req.get_header(PRIORITY_HEADER))
        req.context.caller, req.context.trace.key = caller, caller.name

    def _caller(self, req: falcon.Request) -> Caller:
        # Without any keys the header is of no concern: a proxy in front may have its own passwords in it.
        if self._anonymous and not self._keys.configured:
            return self._nobody
        secret = presented(req, self._key_headers)
        if secret is None or not self._keys.configured:
            if self._anonymous:
                return self._nobody
            raise self._refused(req, "This server needs an API key, and the request has none.")
        found = self._keys.find(secret)
        if found is None:
            raise self._refused(req, "The API key of this request is unknown here: mistyped, or revoked.")
        return found

    def _refused(self, req: falcon.Request, found: str) -> Unauthorized:
        self._refusals.note(req.remote_addr)
        return Unauthorized(
            f"{found} Send the header 'Authorization: Bearer KEY'; docs/install.md says where keys are."
        )


class Refusals:
    """A log line for refused keys: at once for the first, then one per `TOLD_EVERY` seconds for all since."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._count, self._next = 0, float("-inf")

    def note(self, address: str) -> None:
        """Count one more, from `address`."""
        with self._lock:
            self._count += 1
            now = self._clock()
            if now < self._next:
                return
            count, self._count, self._next = self._count, 0, now + TOLD_EVERY
        log.warning("%d request(s) without a valid key, the last from %s", count, address)


def presented(req: falcon.Request, key_headers: Sequence[str]) -> bytes | None:
    """Return the key a request brings in ``Authorization``, else in one of `key_headers`; None for none.

    Raises `Unauthorized` for another kind of authorization.
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
    """Raises `BadRequest`. Addresses are kept in logs and histories, ours excepted, so a key there is no secret."""
    for name, values in req.params.items():
        found = values if isinstance(values, list) else [values]
        if name.lower() in IN_ADDRESS or any(value.startswith(KEY_PREFIX) for value in found):
            raise BadRequest(
                "The request's address holds a key. Addresses are kept in logs and histories, so revoke that key, make "
                "a new one, and send it in the header 'Authorization: Bearer KEY'."
            )


def with_priority(caller: Caller, wanted: str | None) -> Caller:
    """`caller`, in the background where the request says so; a key that is there stays. Raises `BadRequest`."""
    if wanted is None:
        return caller
    if wanted not in PRIORITIES:
        raise BadRequest(f"{PRIORITY_HEADER} takes interactive or background; found {wanted!r}.")
    return replace(caller, low_priority=caller.low_priority or wanted == "background")


def require_admin(req: falcon.Request) -> None:
    """Raises `Forbidden` unless the request comes from an administrator."""
    caller: Caller = req.context.caller
    if not caller.admin:
        whose = f"the key {caller.name!r} has not" if caller.name else "a request without a key has not"
        raise Forbidden(
            f"This needs the role of an administrator, which {whose}. Use the admin key; docs/install.md says where."
        )
