"""``python -m services.boardcheck``: the report; exit code 1 when something is in the way of a model."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from services.api.app import settings_from
from services.boardcheck import devices
from services.boardcheck.checks import Board, check
from services.boardcheck.finding import fit, report
from services.core.settings import SettingsError


def main() -> int:
    """Check this machine. Changes nothing."""
    try:
        settings = settings_from(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    board = Board(
        Path("/"),
        devices.ask,
        resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        str(settings.runtime_library or ""),
        sorted(settings.models_dir.rglob("*.rkllm")),
    )
    findings = check(board)
    print(report(findings))
    return 0 if fit(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
