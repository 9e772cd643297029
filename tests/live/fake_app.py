"""The server with the scripted engine, for gunicorn."""

from __future__ import annotations

import os

from services.api.app import App, build
from services.core import logs
from services.core.settings import from_environment
from tests.engines import FAKES


def create() -> App:
    settings = from_environment(os.environ)
    logs.configure(settings)
    return build(settings, FAKES)
