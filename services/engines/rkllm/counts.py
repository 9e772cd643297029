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

    def __init__(self, tap: Tap, context: int) -> None:
        """Write to the log of `tap`, once; `context` is the model's, in tokens."""
        self._tap, self._context, self._said = tap, context, False

    def contradiction(self, given: RunInput, prompt: int, outcome: RunOutcome, size: int) -> str:
        """Return how the counters contradict what was `given`, in words; empty where they do not.

        `prompt` are the tokens of the whole prompt, `size` those of the library's cache after the run.
        """
        if not outcome.clean:
            return ""
        found = self._too_many(given, outcome) or (left_over(prompt, outcome, size) if given.tokens else "")
        if found and not self._said:
            self._tap.say(DOUBT.format(found))
            self._said = True
        return found

    def _too_many(self, given: RunInput, outcome: RunOutcome) -> str:
        """Return that more was read than was given, if so; a text in bytes, with room for the runtime's template."""
        read, most = outcome.counter("prefill_tokens"), self.most(given)
        unit = "tokens" if given.tokens else "bytes and a template"
        return f"it read {read} tokens of a prompt of at most {most} {unit}" if read > most else ""

    def most(self, given: RunInput) -> int:
        """Return the tokens that `given` can have at most, each of a byte at least."""
        return len(given.tokens) or self._context + len(given.prompt.encode(errors="replace"))


def left_over(prompt: int, outcome: RunOutcome, size: int) -> str:
    """Return that the cache has something else than `prompt` and answer, if so.

    One token more or less is none: the last and the end token may count or not.
    """
    whole = prompt + outcome.generated
    wrong = size and abs(size - whole) > 1
    return f"its cache has {size} tokens after a prompt and an answer of {whole}" if wrong else ""
