"""``python -m services.boardcheck [MODEL]``: the report; exit code 1 when something is in the way of a model.

With the id or alias of a model, the model is run as well.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from services.boardcheck import devices
from services.boardcheck.checks import Board, check
from services.boardcheck.finding import fit, report
from services.boardcheck.trial import trial
from services.core.errors import ModelNotFound
from services.core.settings import Settings, SettingsError, from_environment
from services.engines.registry import ENGINES
from services.models.catalog import Catalog

TRIED_ENGINE = "rkllm"


def main(argv: Sequence[str]) -> int:
    """Check this machine, and run the model that `argv` names. Changes nothing."""
    try:
        settings = from_environment(os.environ)
        tried = [Catalog(settings).resolve(name) for name in argv[1:2]]
    except (SettingsError, ModelNotFound) as error:
        print(error, file=sys.stderr)
        return 1
    if others := [model.id for model in tried if model.engine != TRIED_ENGINE]:
        print(f"{others[0]} does not run on the engine {TRIED_ENGINE}; only those models are tried.", file=sys.stderr)
        return 1
    findings = check(this_board(settings))
    print(report(findings), flush=True)
    for model in tried:
        for finding in trial(settings, model, ENGINES[TRIED_ENGINE]):
            print(report([finding]), flush=True)
            findings.append(finding)
    return 0 if fit(findings) else 1


def this_board(settings: Settings) -> Board:
    return Board(
        Path("/"),
        devices.ask,
        resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        str(settings.runtime_library or ""),
        sorted(settings.models_dir.rglob("*.rkllm")),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
