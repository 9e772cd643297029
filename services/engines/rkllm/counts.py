"""Compare the library's counters with what it was given, and log where they differ. Standard library only."""

from __future__ import annotations

from services.engines.rkllm.answer import RunOutcome
from services.engines.rkllm.runtime import RunInput
from services.engines.rkllm.tap import Tap

DOUBT = (
    "librkllmrt and this server count differently: {}. The runtime may put its own chat template around prompts in "
    "tokens. Let the board check try this model; docs/npu.md says what its findings mean."
)


class Counts:
    """Doubt the counters of one loaded model."""

    def __init__(self, tap: Tap) -> None:
        """Write to the log of `tap`, once."""
        self._tap, self._said = tap, False

    def contradiction(self, given: RunInput, prompt: int, outcome: RunOutcome, size: int) -> str:
        """Return how the counters contradict what was `given`, in words; empty where they do not.

        `prompt` are the tokens of the whole prompt, `size` those of the library's cache after the run.
        """
        found = compared(len(given.tokens), prompt + outcome.generated, outcome, size)
        if found and not self._said:
            self._tap.say(DOUBT.format(found))
            self._said = True
        return found


def compared(given: int, whole: int, outcome: RunOutcome, size: int) -> str:
    """Return how the counters contradict `given` tokens of a prompt, and the `whole` that the cache should have.

    One token more or less in the cache is none: the last and the end token may count or not.
    """
    read = outcome.counter("prefill_tokens")
    if not given or not outcome.clean:
        return ""
    if read > given:
        return f"it read {read} tokens of a prompt of {given}"
    if size and abs(size - whole) > 1:
        return f"its cache has {size} tokens after a prompt and an answer of {whole}"
    return ""
