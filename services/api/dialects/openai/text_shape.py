"""Convert a continuation of a raw prompt, and its pieces, to choices of OpenAI's text completions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.api.dialects.common.answer import CollectedAnswer
from services.api.dialects.openai.answers import Shape
from services.api.dialects.openai.logprobs import text_logprobs
from services.api.dialects.openai.schemas import TextChoice, TextChunkChoice, TextCompletion, TextCompletionChunk
from services.core.events import Done, FinishReason, Piece, PromptToken, Text, TokenLogprob, ToolCallDelta


class TextShape(Shape):
    """Continuations of one prompt."""

    completion, chunk = TextCompletion, TextCompletionChunk

    def __init__(self, echo: str = "", prompt_tokens: Sequence[PromptToken] = ()) -> None:
        """Put `echo`, the text of the prompt, before the answer; `prompt_tokens` are its tokens, for logprobs."""
        self._echo, self._prompt_tokens = echo, prompt_tokens
        self._sent = 0
        """Characters of the tokens in earlier chunks; text that was held back may come before or behind its tokens."""

    def opening(self, index: int) -> TextChunkChoice | None:
        """Return the choice with the echo of the prompt, None where none is wanted."""
        return self._choice(index, self._echo, self._prompt_tokens) if self._echo else None

    def piece(self, index: int, event: Piece) -> TextChunkChoice:
        """Return the choice with one piece of its text."""
        if isinstance(event, Text):
            return self._choice(index, event.text, event.logprobs)
        # A raw prompt has no tools, so no piece of a call comes; the type checker does not know that.
        return self._choice(index, "" if isinstance(event, ToolCallDelta) else event.text)

    def ending(self, index: int, done: Done) -> TextChunkChoice:
        """Return the choice with why it ended."""
        return self._choice(index, "", reason=done.finish_reason)

    def whole(self, index: int, answer: CollectedAnswer) -> TextChoice:
        """Return the choice with its whole text."""
        return TextChoice(
            index=index,
            text=self._echo + answer.text,
            logprobs=text_logprobs([*self._prompt_tokens, *answer.logprobs]),
            finish_reason=answer.finish_reason,
        )

    def _choice(
        self,
        index: int,
        text: str,
        logprobs: Iterable[TokenLogprob | PromptToken] = (),
        reason: FinishReason | None = None,
    ) -> TextChunkChoice:
        entries = list(logprobs)
        start, self._sent = self._sent, self._sent + sum(len(entry.token) for entry in entries)
        return TextChunkChoice(index=index, text=text, logprobs=text_logprobs(entries, start), finish_reason=reason)
