"""Configure gunicorn: one gevent worker, errors as JSON, and an orderly shutdown."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

import gunicorn.util

from services.api.dialects.common.errors import error_body
from services.api.http.connection import PacedSocket
from services.api.http.stream import encode_json
from services.core.errors import BadHttp
from services.core.keys import Keys
from services.core.settings import from_environment

_settings = from_environment(os.environ)

wsgi_app = "services.api.app:create()"
bind = f"{_settings.host}:{_settings.port}"
workers = 1
"""Only one process can use the device: the queue and the pool of loaded models are in its memory."""
worker_class = "gevent"
control_socket_disable = True
graceful_timeout = math.ceil(_settings.shutdown_timeout) + 5
"""Seconds until gunicorn cuts off what still runs. Answers get a little less, and end with a word about it."""
timeout = 30
"""Seconds the event loop may be blocked before gunicorn replaces the worker. Waiting for a model blocks nothing."""
forwarder_headers = ""
"""No header of a client may set SCRIPT_NAME or its like; nobody puts this server below another path."""
secure_scheme_headers: dict[str, str] = {}
"""No header of a client says that the connection is encrypted: nothing here depends on it."""
errorlog = "-"
loglevel = "warning"


DRAIN_FACTOR = 4
"""Of a refused body, up to so many times the largest one are read and dropped."""


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer bytes that are not HTTP with the same JSON as all other errors; gunicorn itself would send HTML."""
    body = encode_json(error_body(BadHttp(message or reason)))
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    head += "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
    gunicorn.util.write_nonblock(sock, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


gunicorn.util.write_error = write_error
"""gunicorn has no hook for this, so its function is replaced."""


def when_ready(server: Any) -> None:
    """Make Ctrl-C do what SIGTERM does: let running answers finish. gunicorn's own SIGINT would cut them off."""
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def pre_request(worker: Any, req: Any) -> None:
    """Put the limits on the time of the body between the reader of `req` and its socket."""
    req.unreader.sock = PacedSocket(req.unreader.sock, _settings.client_timeout)


def post_request(worker: Any, req: Any, environ: dict[str, Any], resp: Any) -> None:
    """Read what nobody read of the body, so that the client gets its answer; close the connection if that is too much.

    gunicorn would read without a limit, and in pieces so small that a large body stops the event loop.
    """
    paced: PacedSocket = req.unreader.sock
    if not req.body.failed:
        req.body.failed = not paced.drain(req.body, DRAIN_FACTOR * _settings.max_body_bytes)
    req.unreader.sock = paced.release()


def post_worker_init(worker: Any) -> None:
    """Refuse waiting requests when the shutdown starts, end the others later, and print that the server is ready."""
    app = worker.app.wsgi()
    graceful_exit = signal.getsignal(signal.SIGTERM)
    ending = threading.Event()
    # Started now: a signal handler may not wait, as the start of a thread does.
    threading.Thread(target=end_answers, args=(app, ending), daemon=True).start()

    def on_term(number: int, frame: FrameType | None) -> None:
        app.close()
        ending.set()
        if callable(graceful_exit):
            graceful_exit(number, frame)

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The command uses the first model, so models that can chat come first.
    models = app.service.models()
    # A full disk under the log must not stop the server.
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), f"{ready_line([model.id for model in models])}\n".encode())


def end_answers(app: Any, ending: threading.Event) -> None:
    """Wait for the shutdown; end the answers that still run after their time, so that each stream says why it ends."""
    ending.wait()
    time.sleep(_settings.shutdown_timeout)
    app.end_answers()


def worker_exit(server: Any, worker: Any) -> None:
    """Kill the engines that still run after the graceful timeout, so that no child process is left behind."""
    worker.app.wsgi().stop()


def ready_line(models: list[str]) -> str:
    """Return the line for the terminal: the address, the models, and a command to try the first one."""
    host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{_settings.port}"
    body = f'{{"model": "{models[0] if models else "MODEL"}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    needs_key = Keys(_settings).configured and not _settings.allow_anonymous
    key = "-H 'Authorization: Bearer KEY' " if needs_key else ""
    return (
        f"Ready at {url} with {', '.join(models) or 'no model'}. Try: "
        f"curl {url}/v1/chat/completions {key}-H 'Content-Type: application/json' -d '{body}'"
    )
