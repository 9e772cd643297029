"""Cache complete answers to questions with sources.

A repeated question then needs no prefill, which takes tens of seconds on a board.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from cachetools import TTLCache
from msgspec import structs

from services.core.events import Done, Event, Reasoning, Text, closing
from services.core.request import EngineRequest
from services.core.sampling import given


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A complete answer, with its reasoning apart from its text."""

    reasoning: str
    text: str
    done: Done

    def events(self) -> Iterator[Event]:
        """Yield the events of the answer; the usage counts its whole prompt as cached tokens."""
        if self.reasoning:
            yield Reasoning(self.reasoning)
        if self.text:
            yield Text(self.text)
        usage = structs.replace(self.done.usage, cached_tokens=self.done.usage.prompt_tokens)
        yield Done(self.done.finish_reason, usage, stop=self.done.stop)


class AnswerCache:
    """Cache answers; drop the least recently used one when it is full, and each one after `ttl` seconds.

    Any thread may use it. No method blocks.
    """

    def __init__(self, entries: int, ttl: float) -> None:
        """Create a cache for `entries` answers that live `ttl` seconds; with either of them 0 it stores nothing."""
        self._answers: TTLCache[str, CachedAnswer] | None = TTLCache(entries, ttl) if entries and ttl else None
        self._lock = threading.Lock()

    def find(self, request: EngineRequest, owner: str) -> CachedAnswer | None:
        """Return the answer that `owner` got to the same question with the same sources; None if there is none."""
        if self._answers is None or not cacheable(request):
            return None
        with self._lock:
            return self._answers.get(cache_key(request, owner))

    def caching(self, request: EngineRequest, owner: str, events: Iterator[Event]) -> Iterator[Event]:
        """Yield `events` unchanged and store the answer for `owner` when it is complete. Closes `events` at the end."""
        reasoning: list[str] = []
        text: list[str] = []
        with closing(events):
            for event in events:
                if isinstance(event, Reasoning):
                    reasoning.append(event.text)
                elif isinstance(event, Text):
                    text.append(event.text)
                elif isinstance(event, Done):
                    self._store(request, owner, CachedAnswer("".join(reasoning), "".join(text), event))
                yield event

    def _store(self, request: EngineRequest, owner: str, answer: CachedAnswer) -> None:
        # An answer that was cut off, or an empty one, may be better the next time.
        if self._answers is None or not cacheable(request) or answer.done.finish_reason != "stop" or not answer.text:
            return
        with self._lock:
            self._answers[cache_key(request, owner)] = answer


def cacheable(request: EngineRequest) -> bool:
    """Return whether the answer to `request` may be reused.

    It must be an answer from sources. An answer with log probabilities is not stored, because the cache has none.
    """
    return request.sources_used and request.generation.logprobs is None


def cache_key(request: EngineRequest, owner: str) -> str:
    """Return a hash that is equal for requests of `owner` that have the same answer, as 64 hexadecimal digits.

    The messages contain the question, the sources and the system prompt. A hit would tell another key what was asked.
    """
    sampling = given(request.sampling)
    # Greedy sampling ignores the seed, so requests that differ in it have the same answer.
    if sampling.get("temperature") == 0:
        sampling.pop("seed", None)
    parts = [
        owner,
        str(request.model.path),
        # A model file that was replaced gives other answers.
        request.model.created,
        [asdict(message) for message in request.messages],
        sampling,
        request.generation.stop,
        request.max_tokens,
        request.template_kwargs,
        [asdict(tool) for tool in request.tools],
        [request.tool_family, request.check_call, request.generation.parallel_calls, request.answer_schema],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode(errors="surrogatepass")).hexdigest()
