"""Embeddings on the NPU: the hidden state of a text's last token. Standard library only, but for the tokenizer.

Each text is a run of its own and nothing of it is kept: the cache is cleared afterwards, since what a run in this mode
leaves in it helps no other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.engines.rkllm import log as rkllm_log
from services.engines.rkllm import tokens as rkllm_tokens
from services.engines.rkllm.abi import GET_LAST_HIDDEN_LAYER
from services.engines.rkllm.answer import Follower, Outcome
from services.engines.rkllm.kv import RESERVED
from services.engines.rkllm.log import Tap
from services.engines.rkllm.runtime import Runtime, Turn
from services.engines.rkllm.sampling import DEFAULTS
from services.engines.worker.loop import JobRefused, Run

NEW_TOKENS = 1
"""What the library is told to generate at most: nothing is wanted, and 0 means without limit in some releases."""


class Texts:
    """Texts as the input of runs."""

    def __init__(self, folder: Path, context: int) -> None:
        """With a ``tokenizer.json`` in `folder`, texts become tokens here; else the runtime puts its template around
        each. Raises `LoadFailed` for a broken one.
        """
        there = (folder / "tokenizer.json").exists()
        self._tokenizer = rkllm_tokens.tokenizer(folder) if there else None
        self._most = context - RESERVED

    def turn(self, text: str | list[int]) -> Turn:
        """Raises `JobRefused`."""
        if self._tokenizer is None:
            if isinstance(text, list):
                raise JobRefused("Tokens need the model's tokenizer.json beside it; send text.")
            return Turn(prompt=text)
        ids = list(self._tokenizer.encode(text).ids) if isinstance(text, str) else text
        if max(ids, default=0) >= self._tokenizer.get_vocab_size():
            raise JobRefused(f"Token {max(ids)} is none of this model's.")
        if len(ids) > self._most:
            raise JobRefused("The text is too long.", "context", len(ids), self._most)
        return Turn(tokens=ids)


class Vectors:
    """A loaded model that makes embeddings."""

    def __init__(self, runtime: Runtime, texts: Texts, tap: Tap, info: dict[str, Any], lock: int) -> None:
        self._runtime, self._texts, self._tap, self._lock = runtime, texts, tap, lock
        self.info = info

    def run(self, request: dict[str, Any], run: Run) -> str:
        if request["kind"] != "embedding":
            raise JobRefused("This model makes embeddings and nothing else.")
        run.on_cancel(self._runtime.wake)
        found = []
        for text in request["inputs"]:
            found.append(self._vector(self._texts.turn(text), run))
            if run.over:
                return "cancel"
            run.progress(len(found), len(request["inputs"]))
        run.data(found)
        return "stop"

    def _vector(self, turn: Turn, run: Run) -> Sequence[float]:
        """One text's embedding, of the length 1; its tokens are counted. Raises `JobRefused`."""
        self._tap.clear()
        self._runtime.start(turn, DEFAULTS, NEW_TOKENS, GET_LAST_HIDDEN_LAYER)
        # The library may generate its one token: it is nobody's, and no reason for an abort.
        outcome = Follower(run, NEW_TOKENS + 1).follow(self._runtime)
        tokens = len(turn.tokens) or int(outcome.perf.get("prefill_tokens", 0)) or self._runtime.kv_size()
        if not self._runtime.clear():
            raise JobRefused("librkllmrt could not clear its cache; the model is loaded anew.", "failed")
        if not run.over:
            self._check(outcome)
        prompt = run.usage["prompt_tokens"] + tokens
        run.usage = {"prompt_tokens": prompt, "completion_tokens": 0, "cached_tokens": 0}
        return unit(outcome.hidden)

    def _check(self, outcome: Outcome) -> None:
        lines = self._tap.lines()
        if found := rkllm_log.too_long(lines):
            raise JobRefused("The text is too long.", "context", *found)
        if outcome.error or outcome.code or not outcome.hidden:
            raise JobRefused(f"librkllmrt made no embedding: {rkllm_log.reason(lines)}", "failed")


def unit(vector: Sequence[float]) -> list[float]:
    """At the length 1, in as many digits as tell 32-bit floats apart."""
    length = math.hypot(*vector) or 1.0
    return [float(f"{value / length:.9g}") for value in vector]
