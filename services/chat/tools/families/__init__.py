"""List the families of models by the way they write calls: one file each, and one entry in `FAMILIES`."""

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
"""The first family with a sign in a chat template is the model's. So ``<tool_call>`` alone, which several families
use, means Hermes: the families with further signs come before it."""

AUTO = Auto(FAMILIES)
"""The family of models whose chat template is unknown."""

BY_NAME: dict[str, Family] = {family.name: family for family in (AUTO, *FAMILIES)}
"""All families, by the name that ``tools`` in a ``model.yaml`` uses."""


def of_model(model: Model) -> Family:
    """Return the family that the model's settings name, else that of its chat template."""
    # `tools` may also be off or required_only, which are not families.
    return BY_NAME.get(model.tools) or of_template(model.chat_template)


@lru_cache(maxsize=64)
def of_template(template: str) -> Family:
    """Return the family of models with this chat template; `AUTO` if it is unknown."""
    return next((family for family in FAMILIES if family.matches(template)), AUTO)
