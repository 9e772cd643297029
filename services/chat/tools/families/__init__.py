"""The families of models, by how they write calls: one file each, and one line in `FAMILIES`."""

from __future__ import annotations

from functools import lru_cache

from services.chat.tools.families.auto import Auto
from services.chat.tools.families.base import Family
from services.chat.tools.families.deepseek import Deepseek
from services.chat.tools.families.gemma import Gemma
from services.chat.tools.families.glm import Glm
from services.chat.tools.families.harmony import Harmony
from services.chat.tools.families.hermes import Hermes
from services.chat.tools.families.llama import Llama
from services.chat.tools.families.mistral import Mistral
from services.chat.tools.families.plain import Plain
from services.chat.tools.families.qwen3_coder import Qwen3Coder
from services.core.model import Model

FAMILIES: tuple[Family, ...] = (
    Harmony(),
    Deepseek(),
    Glm(),
    Qwen3Coder(),
    Hermes(),
    Mistral(),
    Llama(),
    Gemma(),
    Plain(),
)
"""The first whose sign a chat template has is that of its model: ``<tool_call>`` alone is Hermes'."""

AUTO = Auto(FAMILIES)

BY_NAME: dict[str, Family] = {family.name: family for family in (AUTO, *FAMILIES)}


def of_model(model: Model) -> Family:
    """Return the family that the model's settings name, else the one of its chat template."""
    return BY_NAME.get(model.tools) or of_template(model.chat_template)


@lru_cache(maxsize=64)
def of_template(template: str) -> Family:
    """Return the family of models with this chat template; `AUTO` where none is known."""
    return next((family for family in FAMILIES if family.is_of(template)), AUTO)
