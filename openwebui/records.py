"""The API server's models as Open WebUI's model records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openwebui import merge

Fields = dict[str, Any]
"""What the box has a say in: name, description, vision, and whether it is offered, as a model that can chat is."""


@dataclass
class Plan:
    """What one round does to the model records."""

    changed: list[dict[str, Any]] = field(default_factory=list)
    """Whole records to write."""
    applied: dict[str, Fields] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    """``model.field`` of what an admin changed."""


def desired(models: Sequence[Mapping[str, Any]]) -> dict[str, Fields]:
    """By model id, from the entries of ``/v1/models``."""
    return {
        model["id"]: {
            "name": model.get("name") or model["id"],
            "description": model.get("description") or "",
            "vision": "vision" in model.get("capabilities", ()),
            "active": "chat" in model.get("capabilities", ("chat",)),
        }
        for model in models
    }


def merged(wanted: Mapping[str, Fields], present: Mapping[str, dict[str, Any]], applied: Mapping[str, Fields]) -> Plan:
    plan = Plan()
    for name, wishes in wanted.items():
        record = present.get(name)
        changed, kept = merge.changes(wishes, fields(record) if record else {}, applied.get(name, {}))
        if changed:
            plan.changed.append(updated(record or fresh(name), changed))
        plan.applied[name] = merge.remembered(wishes, kept, applied.get(name, {}))
        plan.kept += [f"{name}.{key}" for key in kept]
    return plan


def fields(record: Mapping[str, Any]) -> Fields:
    """What a record says where the box has a say; what it does not say is missing."""
    meta = record.get("meta") or {}
    found = {"name": record.get("name"), "description": meta.get("description"), "active": record.get("is_active")}
    found["vision"] = (meta.get("capabilities") or {}).get("vision")
    return {key: value for key, value in found.items() if value is not None}


def fresh(name: str) -> dict[str, Any]:
    """A record that everybody may use."""
    everybody = {"principal_type": "user", "principal_id": "*", "permission": "read"}
    return {
        "id": name,
        "base_model_id": None,
        "name": name,
        "is_active": True,
        "meta": {},
        "params": {},
        "access_grants": [everybody],
    }


def updated(record: Mapping[str, Any], changed: Fields) -> dict[str, Any]:
    """A copy of `record` with `changed` in it; all else stays."""
    meta = dict(record.get("meta") or {})
    if "description" in changed:
        meta["description"] = changed["description"]
    if "vision" in changed:
        meta["capabilities"] = {**(meta.get("capabilities") or {}), "vision": changed["vision"]}
    name, active = changed.get("name", record.get("name")), changed.get("active", record.get("is_active"))
    return {**record, "name": name, "is_active": active, "meta": meta}
