"""Run ``python -m services.boardcheck [MODEL]``: print the report, and run a model if one is named.

MODEL is an id or alias. The exit code is 1 when something keeps the board from running models. Only
the engine for the NPU is examined: its board, its runtime and its models. So this package, and no
other, imports that engine's modules.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from services.answering.catalog import model_catalog
from services.boardcheck import devices
from services.boardcheck.checks import Board, run_checks
from services.boardcheck.finding import format_report, is_fit
from services.boardcheck.trial import run_trials
from services.core.errors import ModelNotFound
from services.core.settings import Settings, SettingsError, from_environment
from services.engines.rkllm.spec import RKLLM
from services.models.catalog import Catalog


def main(argv: Sequence[str]) -> int:
    """Check this machine and run the model that `argv` names; return the exit code. Blocks. Changes nothing."""
    try:
        settings = from_environment(os.environ)
        catalog = model_catalog(settings)
        models = [catalog.resolve(name) for name in argv[1:2]]
    except (SettingsError, ModelNotFound) as error:
        print(error, file=sys.stderr)
        return 1
    for model in models:
        if model.engine != RKLLM.name:
            print(
                f"{model.id} runs on the engine {model.engine}; needed is a model for {RKLLM.name}: "
                "only those models are tried. GET /v1/models lists the models.",
                file=sys.stderr,
            )
            return 1
    findings = run_checks(this_board(settings, catalog))
    print(format_report(findings), flush=True)
    for model in models:
        for finding in run_trials(settings, model, RKLLM.make):
            print(format_report([finding]), flush=True)
            findings.append(finding)
    return 0 if is_fit(findings) else 1


def this_board(settings: Settings, catalog: Catalog) -> Board:
    """Return the machine this runs on, and the models of its `catalog`, for `run_checks`."""
    return Board(
        Path("/"),
        devices.query_driver,
        resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        str(settings.runtime_library or ""),
        settings.runtime_layout,
        [model.path for model in catalog.models() if model.path.suffix.lower() in RKLLM.suffixes],
        catalog.problems(),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
