"""Keep Open WebUI told: ``python -m openwebui.provision``.

Looks at the API server's models every `INTERVAL` seconds. At the start, and whenever they changed, it signs in to Open
WebUI and brings the seeds of the environment and each model's name, description and abilities into its database, except
where an admin changed them (`openwebui.merge`). Doing it twice changes nothing.

    --once      one round, exit code 1 when it failed
    --healthy   for Docker's health check: exit code 0 when the last round, and a recent one, went well
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openwebui import merge, records, rows
from openwebui.client import OpenWebUI, Refused, Unreachable, served_models

INTERVAL = 15
"""Seconds between two looks: a new model shows up within this time, and a look costs the server a walk of a folder."""

STALE = 6 * INTERVAL
"""Seconds after which a round that was not followed by another counts as hanging."""


class Provisioner:
    """One writer of the state file; everything it does blocks."""

    def __init__(self, env: Mapping[str, str], state: Path, secrets: Path) -> None:
        self._env = env
        self._state = state
        self._secrets = secrets
        self._webui = env.get("PROVISION_WEBUI_URL", "http://open-webui:8080")
        self._done: Any = None
        """The wishes of the last round that went through."""

    def round(self) -> str:
        """A sentence about what was done. Raises `Unreachable`, `ValueError` and `OSError`."""
        wanted = rows.desired({**self._env, "OPENAI_API_KEYS": self._key()})
        models = served_models(wanted["openai.api_base_urls"][0], wanted["openai.api_keys"][0])
        wishes = {"rows": wanted, "models": records.desired(models)}
        if wishes == self._done:
            return "unchanged"
        try:
            said = self._tell(wishes)
        except Refused as error:
            said = (
                f"Open WebUI does not take the admin's password any more ({error}). Nothing more is told to it until "
                "the file with the generated password holds the present one (docs/openwebui.md)."
            )
        self._done = wishes
        return said

    def _key(self) -> str:
        """What Open WebUI sends to the API server; any will do for one without keys."""
        path = self._secrets / "api_key"
        return path.read_text().strip() if path.exists() else self._env.get("OPENAI_API_KEYS", "unused")

    def _tell(self, wishes: dict[str, Any]) -> str:
        password = (self._secrets / "admin_password").read_text().strip()
        webui = OpenWebUI(self._webui, self._env["WEBUI_ADMIN_EMAIL"], password)
        applied = self._applied()
        changed, kept = merge.changes(wishes["rows"], webui.rows(), applied["rows"])
        if changed:
            webui.set_rows(changed)
        present = webui.models()
        plan = records.merged(wishes["models"], present, applied["models"])
        if plan.changed:
            webui.set_models(plan.changed)
        rows_now = merge.remembered(wishes["rows"], kept, applied["rows"])
        self._remember({"rows": rows_now, "models": {**applied["models"], **plan.applied}})
        return (
            f"settings changed: {', '.join(sorted(changed)) or 'none'}; models told: "
            f"{', '.join(record['id'] for record in plan.changed) or 'none'}; "
            f"left as the admin wants them: {', '.join(sorted([*kept, *plan.kept])) or 'none'}"
        )

    def _applied(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self._state / "applied.json").read_text())
        except FileNotFoundError:
            return {"rows": {}, "models": {}}
        return found

    def _remember(self, applied: dict[str, Any]) -> None:
        write(self._state / "applied.json", json.dumps(applied, sort_keys=True))


def write(path: Path, content: str) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(content)
    part.replace(path)


def attempt(provisioner: Provisioner, state: Path) -> bool:
    """One round, its outcome printed and kept for `healthy`."""
    try:
        said, ok = provisioner.round(), True
    except (Unreachable, ValueError, OSError, KeyError) as error:
        said, ok = f"not done, trying again: {error}", False
    if said != "unchanged":
        print(said, flush=True)
    write(state / "status.json", json.dumps({"ok": ok, "said": said}))
    return ok


def healthy(state: Path) -> bool:
    path = state / "status.json"
    return path.exists() and time.time() - path.stat().st_mtime < STALE and bool(json.loads(path.read_text())["ok"])


def main(argv: list[str]) -> int:
    state = Path(os.environ.get("PROVISION_STATE", "/state"))
    if "--healthy" in argv:
        return not healthy(state)
    secrets = Path(os.environ.get("PROVISION_SECRETS", "/secrets/open-webui"))
    provisioner = Provisioner(os.environ, state, secrets)
    if "--once" in argv:
        return not attempt(provisioner, state)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        attempt(provisioner, state)
        time.sleep(INTERVAL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
