"""Compute embeddings on the NPU: the hidden state of a text's last token. Standard library only, but for the tokenizer.

Each text is a run of its own and nothing of it is kept: the cache is cleared afterwards, since what a run in this mode
leaves in it is of no use to another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.engines.npu import reports
from services.engines.npu.plain import neutral
from services.engines.rkllm import tokens as rkllm_tokens
from services.engines.rkllm.abi import GET_LAST_HIDDEN_LAYER
from services.engines.rkllm.answer import Follower, RunOutcome
from services.engines.rkllm.counts import Counts
from services.engines.rkllm.prompts import RESERVED
from services.engines.rkllm.runner import UNEMPTIED
from services.engines.rkllm.runtime import RunInput, Runtime
from services.engines.rkllm.sampling import DEFAULTS
from services.engines.rkllm.tap import Tap
from services.engines.worker.errors import RequestRefused
from services.engines.worker.loop import Run

NEW_TOKENS = 1
"""What the library is told to generate at most: nothing is wanted, and 0 means without limit in some releases."""


class Texts:
    """Make texts the input of runs."""

    def __init__(self, folder: Path, context: int) -> None:
        """Take the folder of the model, and its context in tokens. Raises `LoadFailed`.

        With a ``tokenizer.json`` in the folder, texts become tokens here; else the runtime puts its template around
        each.
        """
        there = (folder / "tokenizer.json").exists()
        self._tokenizer = rkllm_tokens.tokenizer(folder) if there else None
        self.context = context
        self._most = context - RESERVED

    @property
    def tokens(self) -> bool:
        """Return whether texts become tokens here."""
        return self._tokenizer is not None

    def run_input(self, text: str | list[int]) -> RunInput:
        """Return the input for a text or token ids. Raises `RequestRefused`."""
        if self._tokenizer is None:
            if isinstance(text, list):
                raise RequestRefused("Tokens need the model's tokenizer.json beside it; send text.")
            return RunInput(prompt=neutral(text))
        ids = list(self._tokenizer.encode(text).ids) if isinstance(text, str) else text
        if (odd := rkllm_tokens.unknown(self._tokenizer, ids)) is not None:
            raise RequestRefused(f"This model has no token {odd}. Send ids of its own tokenizer, or text.")
        if len(ids) > self._most:
            raise RequestRefused("The text is too long.", "context", len(ids), self._most)
        return RunInput(tokens=ids)


class VectorRunner:
    """Run requests on a loaded model that makes embeddings."""

    def __init__(self, runtime: Runtime, texts: Texts, tap: Tap, info: dict[str, Any], lock: int) -> None:
        """Take the loaded runtime; `info` goes to the parent, `lock` is the NPU lock's descriptor, to be kept open."""
        self._runtime, self._texts, self._tap, self._lock = runtime, texts, tap, lock
        self._counts = Counts(tap, texts.context)
        self.info = info

    def run(self, request: dict[str, Any], run: Run) -> str:
        """Run `request` as `Runner.run` says."""
        if request["kind"] != "embedding":
            raise RequestRefused(f"This model makes embeddings, no {request['kind']}. Choose another model.")
        run.on_cancel(self._runtime.wake)
        found = []
        for text in request["inputs"]:
            found.append(self._vector(self._texts.run_input(text), run))
            if run.over:
                return "cancel"
            run.progress(len(found), len(request["inputs"]))
        run.data(found)
        return "stop"

    def _vector(self, given: RunInput, run: Run) -> Sequence[float]:
        """Return one text's embedding, of the length 1, and count its tokens. Raises `RequestRefused`."""
        self._tap.clear()
        self._runtime.start(given, DEFAULTS, NEW_TOKENS, GET_LAST_HIDDEN_LAYER)
        # The library may generate its one token: it belongs to no answer, and is no reason for an abort.
        outcome = Follower(run, NEW_TOKENS + 1).follow(self._runtime)
        size = self._runtime.kv_size()
        tokens = len(given.tokens) or outcome.counter("prefill_tokens") or size
        self._counts.contradiction(given, tokens, outcome, size)
        if not self._runtime.empty():
            raise RequestRefused(UNEMPTIED, "failed")
        if not run.over:
            self._check(outcome)
        prompt = run.usage["prompt_tokens"] + tokens
        run.usage = {"prompt_tokens": prompt, "completion_tokens": 0, "cached_tokens": 0}
        return unit(outcome.hidden)

    def _check(self, outcome: RunOutcome) -> None:
        lines = self._tap.lines()
        if found := reports.too_long(lines):
            raise RequestRefused("The text is too long.", "context", *found)
        if outcome.error or outcome.code or not outcome.hidden:
            symptom = f"rkllm_run returned {outcome.code}" if outcome.code else "it gave no hidden state"
            raise RequestRefused(f"librkllmrt made no embedding: {reports.reason(lines, symptom)}", "failed")


def unit(vector: Sequence[float]) -> list[float]:
    """Return `vector` at the length 1, in nine digits, enough for every 32-bit float."""
    length = math.hypot(*vector) or 1.0
    return [float(f"{value / length:.9g}") for value in vector]
