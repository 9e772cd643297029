"""Keep Open WebUI's settings and models up to date: ``python -m openwebui.provision``.

Reads the API server's models every `INTERVAL` seconds. At the start, and whenever they changed, it signs in to Open
WebUI and writes the seeds of the environment and each model's name, description and capabilities into its database,
except where an admin changed them (`openwebui.merge`). A second round changes nothing.

    --once      run one round; exit code 1 when it failed
    --healthy   for Docker's health check: exit code 0 when the last round is recent and succeeded
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
"""Seconds between two rounds: a new model appears within this time, and a round costs the server one folder walk."""

STALE = 6 * INTERVAL
"""Seconds without a finished round after which the program counts as hanging."""


class Provisioner:
    """Writes to Open WebUI, and to a state file what it wrote last. One at a time; every method blocks."""

    def __init__(self, env: Mapping[str, str], state: Path, secrets: Path) -> None:
        """Keep the folders for the state and of the secrets; contacts nobody yet."""
        self._env = env
        self._state = state
        self._secrets = secrets
        self._webui = env.get("PROVISION_WEBUI_URL", "http://open-webui:8080")
        self._completed: Any = None
        """What the last complete round wanted to have in Open WebUI."""

    def round(self) -> str:
        """Bring Open WebUI up to date and return a sentence about what was done.

        Raises `Unreachable`, and `ValueError`, `OSError` or `KeyError` for an environment or a file that is wrong.
        """
        wanted_rows = rows.desired({**self._env, "OPENAI_API_KEYS": self._key()})
        models = served_models(wanted_rows["openai.api_base_urls"][0], wanted_rows["openai.api_keys"][0])
        desired = {"rows": wanted_rows, "models": records.desired(models)}
        if desired == self._completed:
            return "unchanged"
        try:
            outcome = self._update(desired)
        except Refused as error:
            outcome = (
                f"Open WebUI no longer accepts the admin's password ({error}). It is not updated until the file with "
                "the generated password has the current one: write it there and restart (docs/openwebui.md)."
            )
        self._completed = desired  # after a refusal too: the same password would fail every round
        return outcome

    def _key(self) -> str:
        """Return the key that Open WebUI sends to the API server; a server without keys accepts any."""
        path = self._secrets / "api_key"
        return path.read_text().strip() if path.exists() else self._env.get("OPENAI_API_KEYS", "unused")

    def _update(self, desired: dict[str, Any]) -> str:
        """Write what differs, then the state file, and return a sentence. Raises `Refused` and as `round` does."""
        password = (self._secrets / "admin_password").read_text().strip()
        webui = OpenWebUI(self._webui, self._env["WEBUI_ADMIN_EMAIL"], password)
        applied = self._read_applied()
        changed, kept = merge.changes(desired["rows"], webui.rows(), applied["rows"])
        if changed:
            webui.set_rows(changed)
        present = webui.models()
        plan = records.plan_changes(desired["models"], present, applied["models"])
        if plan.changed:
            webui.set_models(plan.changed)
        applied_rows = merge.applied_after(desired["rows"], kept, applied["rows"])
        # Models that are gone stay in the state: when one comes back, its record is known as written by this program.
        self._write_applied({"rows": applied_rows, "models": {**applied["models"], **plan.applied}})
        return (
            f"settings changed: {', '.join(sorted(changed)) or 'none'}; models updated: "
            f"{', '.join(record['id'] for record in plan.changed) or 'none'}; "
            f"kept as the admin set them: {', '.join(sorted([*kept, *plan.kept])) or 'none'}"
        )

    def _read_applied(self) -> dict[str, Any]:
        try:
            applied: dict[str, Any] = json.loads((self._state / "applied.json").read_text())
        except FileNotFoundError:
            return {"rows": {}, "models": {}}
        return applied

    def _write_applied(self, applied: dict[str, Any]) -> None:
        write_atomically(self._state / "applied.json", json.dumps(applied, sort_keys=True))


def write_atomically(path: Path, content: str) -> None:
    """Write a file completely or not at all. Raises `OSError`."""
    part = path.with_suffix(".part")
    part.write_text(content)
    part.replace(path)


def run_round(provisioner: Provisioner, state: Path) -> bool:
    """Run one round, print its outcome and store it for `is_healthy`. Returns whether it succeeded."""
    try:
        outcome, ok = provisioner.round(), True
    except (Unreachable, ValueError, OSError, KeyError) as error:
        outcome, ok = f"not done, trying again: {error}", False
    if outcome != "unchanged":
        print(outcome, flush=True)
    write_atomically(state / "status.json", json.dumps({"ok": ok, "outcome": outcome}))
    return ok


def is_healthy(state: Path) -> bool:
    """Return whether the last round is recent and succeeded."""
    path = state / "status.json"
    return path.exists() and time.time() - path.stat().st_mtime < STALE and bool(json.loads(path.read_text())["ok"])


def main(argv: list[str]) -> int:
    """Run rounds until SIGTERM, or one with ``--once``; return the exit code."""
    state = Path(os.environ.get("PROVISION_STATE", "/state"))
    if "--healthy" in argv:
        return not is_healthy(state)
    secrets = Path(os.environ.get("PROVISION_SECRETS", "/secrets/open-webui"))
    provisioner = Provisioner(os.environ, state, secrets)
    if "--once" in argv:
        return not run_round(provisioner, state)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        run_round(provisioner, state)
        time.sleep(INTERVAL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
