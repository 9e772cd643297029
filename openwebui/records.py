"""Convert the API server's models to Open WebUI's model records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openwebui import merge

Fields = dict[str, Any]
"""The part of a record that provisioning manages: name, description, vision, active, which offers it for chats, and
`STATUS_EVENTS`."""

STATUS_EVENTS = "status_events"
"""The parameter that makes the API server say in a chat what it waits for. It is each model's own and no default, since
servers of other connections may refuse it."""


@dataclass
class Plan:
    """What one round does to the model records."""

    changed: list[dict[str, Any]] = field(default_factory=list)
    """Complete records to write."""
    applied: dict[str, Fields] = field(default_factory=dict)
    """The next round's `applied`, by model id."""
    kept: list[str] = field(default_factory=list)
    """``model.field`` for each field that keeps the admin's value."""


def desired(models: Sequence[Mapping[str, Any]]) -> dict[str, Fields]:
    """Return the desired fields by model id, from the entries of ``/v1/models``."""
    return {
        model["id"]: {
            "name": model.get("name") or model["id"],
            "description": model.get("description") or "",
            "vision": "vision" in model.get("capabilities", ()),
            "active": "chat" in model.get("capabilities", ("chat",)),
            STATUS_EVENTS: True,
        }
        for model in models
    }


def plan_changes(
    wanted: Mapping[str, Fields], present: Mapping[str, dict[str, Any]], applied: Mapping[str, Fields]
) -> Plan:
    """Compare the desired fields with the `present` records, by model id; `applied` is what was written last."""
    plan = Plan()
    for name, wanted_fields in wanted.items():
        record = present.get(name)
        existing = managed_fields(record) if record else {}
        changed, kept = merge.changes(wanted_fields, existing, applied.get(name, {}))
        if changed:
            plan.changed.append(with_fields(record or new_record(name), changed))
        plan.applied[name] = merge.applied_after(wanted_fields, kept, applied.get(name, {}))
        plan.kept += [f"{name}.{key}" for key in kept]
    return plan


def managed_fields(record: Mapping[str, Any]) -> Fields:
    """Return the managed fields that a record has a value for."""
    meta = record.get("meta") or {}
    fields = {"name": record.get("name"), "description": meta.get("description"), "active": record.get("is_active")}
    fields["vision"] = (meta.get("capabilities") or {}).get("vision")
    fields[STATUS_EVENTS] = custom_params(record).get(STATUS_EVENTS)
    return {key: value for key, value in fields.items() if value is not None}


def custom_params(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a record that Open WebUI sends to the server without knowing them."""
    return dict((record.get("params") or {}).get("custom_params") or {})


def new_record(name: str) -> dict[str, Any]:
    """Return a record for the model with the id `name` that every user may read."""
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


def with_fields(record: Mapping[str, Any], changed: Fields) -> dict[str, Any]:
    """Return a copy of `record` with the `changed` fields; all else stays."""
    meta = dict(record.get("meta") or {})
    if "description" in changed:
        meta["description"] = changed["description"]
    if "vision" in changed:
        meta["capabilities"] = {**(meta.get("capabilities") or {}), "vision": changed["vision"]}
    name, active = changed.get("name", record.get("name")), changed.get("active", record.get("is_active"))
    params = dict(record.get("params") or {})
    if STATUS_EVENTS in changed:
        params["custom_params"] = {**custom_params(record), STATUS_EVENTS: changed[STATUS_EVENTS]}
    return {**record, "name": name, "is_active": active, "meta": meta, "params": params}
