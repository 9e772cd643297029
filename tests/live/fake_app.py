"""The server with the scripted engine, for gunicorn."""

from __future__ import annotations

import os

from services.api.app import App, build, settings_from
from services.core import logs
from tests.engines import FAKES


def create() -> App:
    settings = settings_from(os.environ)
    logs.configure(settings)
    return build(settings, FAKES)
