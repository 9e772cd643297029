"""Complete answers to questions with sources, kept for a while: asking again must not cost a prefill."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from cachetools import TTLCache

from services.core.events import Done, Event, Text, Thought, closing
from services.core.request import Job


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; its reasoning is kept apart from its text."""

    thought: str
    text: str
    done: Done

    def events(self) -> Iterator[Event]:
        """The answer again, all of its prompt counted as reused."""
        if self.thought:
            yield Thought(self.thought)
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

    def find(self, job: Job) -> Answer | None:
        """The answer to the same question with the same sources."""
        if self._answers is None or not cacheable(job):
            return None
        with self._lock:
            return self._answers.get(key(job))

    def keeping(self, job: Job, events: Iterator[Event]) -> Iterator[Event]:
        """The same events; a complete answer is kept when it ends. Owns `events`."""
        thought: list[str] = []
        text: list[str] = []
        with closing(events):
            for event in events:
                if isinstance(event, Thought):
                    thought.append(event.text)
                elif isinstance(event, Text):
                    text.append(event.text)
                elif isinstance(event, Done):
                    self._keep(job, Answer("".join(thought), "".join(text), event))
                yield event

    def _keep(self, job: Job, answer: Answer) -> None:
        if self._answers is None or not cacheable(job) or answer.done.finish_reason != "stop" or not answer.text:
            return
        with self._lock:
            self._answers[key(job)] = answer


def cacheable(job: Job) -> bool:
    """Whether an answer to `job` may be given again: it used sources, and nobody asked how sure its tokens are."""
    return job.sources_used and job.logprobs is None


def key(job: Job) -> str:
    """Equal for jobs that may be answered alike. The messages hold the question, the sources and the system text."""
    sampling = asdict(job.sampling)
    if sampling["temperature"] == 0:
        sampling["seed"] = None
    parts = [
        str(job.model.path),
        job.model.created,
        job.messages,
        sampling,
        job.stop,
        job.max_tokens,
        job.json_schema,
        job.template_kwargs,
        [asdict(tool) for tool in job.tools],
        [job.tool_family, job.check_call, job.parallel_calls, job.answer_schema],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode(errors="surrogatepass")).hexdigest()
