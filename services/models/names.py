"""Make the ids and aliases of models from the names of their folders, and find what a client means by a name."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from services.core.model import Model

LATEST = ":latest"
"""The tag with which Ollama's lists show every id."""

NAME_LENGTH = 256
"""The most characters of a model's name; folders have no longer names."""

log = logging.getLogger(__name__)


def model_id(name: str) -> str:
    """Return the id for a folder's name: ``Qwen2.5 1.5B_Instruct`` -> ``qwen2.5-1.5b-instruct``."""
    return re.sub(r"[\s_]", "-", name.strip().lower())


def spellings(name: str) -> list[str]:
    """Return what a client may mean by the name of a model, the likeliest first.

    Ollama writes variants behind a colon, where ids have a hyphen, and its lists show every name with a tag.
    """
    bare = model_id(name).removesuffix(LATEST)
    return list(dict.fromkeys((name, model_id(name), bare, bare.replace(":", "-"))))


def find_id(name: str, ids: Collection[str]) -> str | None:
    """Return the one of `ids` that a client means by `name`; None where it is none of them."""
    return next((spelling for spelling in spellings(name) if spelling in ids), None)


def assign_aliases(models: Sequence[Model]) -> tuple[list[Model], list[str]]:
    """Return the models with all their aliases, and a sentence for each alias in a ``model.yaml`` that is not used.

    An alias never hides an id. One from a ``model.yaml`` has priority over a derived one. An alias that several models
    claim with the same priority is not used for any of them, since a guess could answer with the wrong model.
    """
    ids = {model.id for model in models}
    written = claimants_by_alias({model.id: model.aliases for model in models})
    derived = claimants_by_alias({model.id: derived_aliases(model.id) for model in models})
    assigned: dict[str, list[str]] = defaultdict(list)
    problems = []
    for alias in sorted({*written, *derived}):
        claimants = written.get(alias) or derived[alias]
        reason = "is the id of a model" if alias in ids else f"is claimed by {', '.join(claimants)}"
        if alias not in ids and len(claimants) == 1:
            assigned[claimants[0]].append(alias)
        elif alias in written:
            problems.append(
                f"The alias {alias!r} of {', '.join(written[alias])} is not used: it {reason}. Choose another."
            )
        elif len(claimants) > 1:
            log.info("The alias %r is not used: it %s", alias, reason)
    return [replace(model, aliases=tuple(assigned[model.id])) for model in models], problems


def claimants_by_alias(aliases: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return for each alias the ids of the models that claim it, from the aliases of each id."""
    claimants = defaultdict(list)
    for claimant, claimed in aliases.items():
        for alias in dict.fromkeys(claimed):
            claimants[alias].append(claimant)
    return claimants


def derived_aliases(model_id: str) -> list[str]:
    """Return shorter names for a model: ``qwen2.5-1.5b-4k`` -> ``qwen2.5-1.5b``, ``qwen2.5``, ``qwen2``, ``qwen``.

    They are each beginning of the id up to a hyphen, and its first part up to the dot and up to the first non-letter.
    """
    parts = model_id.split("-")
    first = parts[0]
    aliases = ["-".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
    letters = re.match(r"[^\W\d_]+", first)
    aliases += [first.partition(".")[0], letters[0] if letters else ""]
    return [alias for alias in dict.fromkeys(aliases) if alias and alias != model_id]
