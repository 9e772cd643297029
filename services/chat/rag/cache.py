"""Complete answers to questions with sources, kept for a while: asking again must not cost a prefill."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from cachetools import TTLCache

from services.core.events import Done, Event, Reasoning, Text, closing
from services.core.request import EngineRequest
from services.core.sampling import given


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; its reasoning is kept apart from its text."""

    thought: str
    text: str
    done: Done

    def events(self) -> Iterator[Event]:
        """The answer again, all of its prompt counted as reused."""
        if self.thought:
            yield Reasoning(self.thought)
        if self.text:
            yield Text(self.text)
        usage = replace(self.done.usage, cached_tokens=self.done.usage.prompt_tokens)
        yield Done(self.done.finish_reason, usage, stop=self.done.stop)


class AnswerCache:
    """The least recently used answer goes first, and each after `ttl` seconds. Any thread may call; nothing blocks."""

    def __init__(self, entries: int, ttl: float) -> None:
        """Either of them 0 keeps nothing."""
        self._answers: TTLCache[str, Answer] | None = TTLCache(entries, ttl) if entries and ttl else None
        self._lock = threading.Lock()

    def find(self, request: EngineRequest) -> Answer | None:
        """The answer to the same question with the same sources."""
        if self._answers is None or not cacheable(request):
            return None
        with self._lock:
            return self._answers.get(key(request))

    def keeping(self, request: EngineRequest, events: Iterator[Event]) -> Iterator[Event]:
        """The same events; a complete answer is kept when it ends. Owns `events`."""
        thought: list[str] = []
        text: list[str] = []
        with closing(events):
            for event in events:
                if isinstance(event, Reasoning):
                    thought.append(event.text)
                elif isinstance(event, Text):
                    text.append(event.text)
                elif isinstance(event, Done):
                    self._keep(request, Answer("".join(thought), "".join(text), event))
                yield event

    def _keep(self, request: EngineRequest, answer: Answer) -> None:
        if self._answers is None or not cacheable(request) or answer.done.finish_reason != "stop" or not answer.text:
            return
        with self._lock:
            self._answers[key(request)] = answer


def cacheable(request: EngineRequest) -> bool:
    """Whether an answer to `request` may be given again: it used sources, and nobody asked how sure its tokens are."""
    return request.sources_used and request.generation.logprobs is None


def key(request: EngineRequest) -> str:
    """Equal for jobs that may be answered alike. The messages hold the question, the sources and the system text."""
    sampling = given(request.sampling)
    if sampling.get("temperature") == 0:
        sampling.pop("seed", None)
    parts = [
        str(request.model.path),
        request.model.created,
        [asdict(message) for message in request.messages],
        sampling,
        request.generation.stop,
        request.max_tokens,
        request.json_schema,
        request.template_kwargs,
        [asdict(tool) for tool in request.tools],
        [request.tool_family, request.check_call, request.generation.parallel_calls, request.answer_schema],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode(errors="surrogatepass")).hexdigest()
