"""Make the catalogue of models for the engines and the families of tool calls of this installation."""

from __future__ import annotations

from services.chat.tools.families import BY_NAME
from services.core.settings import Settings
from services.engines.registry import SUFFIXES
from services.models.catalog import Catalog


def model_catalog(settings: Settings) -> Catalog:
    """Return the catalogue of the models in `settings.models_dir`. Reads nothing yet."""
    return Catalog(settings, SUFFIXES, BY_NAME)
