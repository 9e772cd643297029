"""gunicorn's configuration: one gevent worker, and an orderly end."""

from __future__ import annotations

import math
import os
import signal
import socket
from types import FrameType
from typing import Any

import gunicorn.util

from services.api.http import errors
from services.api.http.stream import encode_json
from services.core.errors import BadHttp
from services.core.keys import Keys
from services.core.settings import from_environment

_settings = from_environment(os.environ)

wsgi_app = "services.api.app:create()"
bind = f"{_settings.host}:{_settings.port}"
workers = 1
"""The accelerator can be used by one process alone."""
worker_class = "gevent"
control_socket_disable = True
graceful_timeout = math.ceil(_settings.shutdown_timeout)
timeout = 120
"""Seconds the worker may be stuck in one step before it is replaced; waiting for a model is not being stuck."""
errorlog = "-"
loglevel = "warning"


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer a request that is no HTTP in the shape of all other errors; gunicorn itself would send HTML."""
    body = encode_json(errors.body(BadHttp(message or reason)))
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    gunicorn.util.write_nonblock(sock, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


gunicorn.util.write_error = write_error
"""gunicorn has no hook for this."""


def when_ready(server: Any) -> None:
    """Ctrl-C means what SIGTERM means: running answers are finished. gunicorn's own SIGINT cuts them off."""
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def post_worker_init(worker: Any) -> None:
    """Refuse those who wait as soon as the end begins, and say that the server is ready."""
    app = worker.app.wsgi()
    end = signal.getsignal(signal.SIGTERM)

    def on_term(number: int, frame: FrameType | None) -> None:
        app.close()
        if callable(end):
            end(number, frame)

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    models = sorted(app.service.catalog.models(), key=lambda model: "chat" not in model.capabilities)
    print(ready_line([model.id for model in models]), flush=True)


def worker_exit(server: Any, worker: Any) -> None:
    """Whatever still runs after the graceful timeout ends here; no child is left behind."""
    worker.app.wsgi().stop()


def ready_line(models: list[str]) -> str:
    host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{_settings.port}"
    body = f'{{"model": "{models[0] if models else "MODEL"}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    asked = Keys(_settings).configured and not _settings.allow_anonymous
    key = "-H 'Authorization: Bearer KEY' " if asked else ""
    return (
        f"Ready at {url} with {', '.join(models) or 'no model'}. Try: "
        f"curl {url}/v1/chat/completions {key}-H 'Content-Type: application/json' -d '{body}'"
    )
