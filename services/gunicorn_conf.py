"""gunicorn's configuration: one gevent worker, and an orderly end."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from services.api.app import settings_from

_settings = settings_from(os.environ)

wsgi_app = "services.api.app:create()"
bind = f"{_settings.host}:{_settings.port}"
workers = 1
"""The accelerator can be used by one process alone."""
worker_class = "gevent"
control_socket_disable = True
graceful_timeout = _settings.shutdown_timeout
timeout = 120
"""Seconds the worker may be stuck in one step before it is replaced; waiting for a model is not being stuck."""
errorlog = "-"
loglevel = "warning"


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
    print(ready_line([model.id for model in app.service.catalog.models()]), flush=True)


def worker_exit(server: Any, worker: Any) -> None:
    """Whatever still runs after the graceful timeout ends here; no child is left behind."""
    worker.app.wsgi().stop()


def ready_line(models: list[str]) -> str:
    host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{_settings.port}"
    body = f'{{"model": "{models[0] if models else "MODEL"}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    return (
        f"Ready at {url} with {', '.join(models) or 'no model'}. Try: "
        f"curl {url}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'"
    )
