"""Get what is known of a request besides its body: its connection, its caller, its trace."""

from __future__ import annotations

import socket

import falcon

from services.core.client import Client


def connection(req: falcon.Request) -> socket.socket | None:
    """Return the accepted socket, where the server hands it out (gunicorn does)."""
    sock: socket.socket | None = req.env.get("gunicorn.socket")
    return sock


def client(req: falcon.Request) -> Client:
    """Return the client of `req`, which watches its connection; call it after the body was read."""
    return Client(connection(req), req.context.trace, req.context.caller)
