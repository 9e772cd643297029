"""The server for gunicorn: a model whose id begins with "scripted" is run by the scripted engine, others for real."""

from __future__ import annotations

import os
from dataclasses import replace

from services.api.app import App, build
from services.core import logs
from services.core.model import Model
from services.core.settings import Settings, from_environment
from services.engines.base import Engine
from services.engines.llama.spec import LLAMA
from tests.engines import fake


def either(settings: Settings, model: Model) -> Engine:
    return (fake if model.id.startswith("scripted") else LLAMA.make)(settings, model)


def create() -> App:
    settings = from_environment(os.environ)
    logs.configure(settings)
    return build(settings, [replace(LLAMA, make=either)])
