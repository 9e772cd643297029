"""Count reused tokens for the key whose prompts they were. Pure.

An engine reuses the beginning of any earlier prompt. Its count would tell one key what another has asked: a probe that
begins like the other's prompt has a higher count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from services.core.events import Done
from services.core.request import EngineRequest

REMEMBERED = 64
"""Prompts per key; an engine's cache has room for fewer."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that ran."""

    length: int
    """Bytes of its content."""
    digest: bytes
    """Of its content."""
    tokens: int
    """Of the prompt. Its answer does not count: a prompt that goes on otherwise may go on as another key's did."""


@dataclass(slots=True)
class PromptOwners:
    """The prompts of each key that one loaded engine has seen. Only the holder of the slot may use it."""

    _prompts: dict[str, deque[Prompt]] = field(default_factory=dict)
    _before: str = ""
    """The key of the run before this one."""
    _now: str = ""
    """The key of the run that was added last."""

    def add(self, name: str) -> None:
        """Note that a run of the key `name` begins; what it leaves in the cache is its own even if it never ends."""
        self._before, self._now = self._now, name
        self._prompts.setdefault(name, deque(maxlen=REMEMBERED))

    def own(self, name: str, request: EngineRequest, done: Done) -> Done:
        """Note the end of a run that was added, and return it with the reused tokens of the key's own prompts only.

        They are those of its longest earlier prompt that this one begins with, and none right after a run of another
        key: that has replaced the end of what the key had, so the count would tell where the two prompts part. As long
        as no other key used the engine, all are its own.
        """
        mine = self._prompts[name]
        content, usage = content_of(request), done.usage
        cached = usage.cached_tokens
        if len(self._prompts) > 1:
            known = max((prompt.tokens for prompt in beginnings(content, mine)), default=0)
            cached = min(cached, known) if self._before == name else 0
        mine.append(Prompt(len(content), blake2b(content).digest(), usage.prompt_tokens))
        return msgspec.structs.replace(done, usage=msgspec.structs.replace(usage, cached_tokens=cached))


def beginnings(content: bytes, prompts: Iterable[Prompt]) -> Iterator[Prompt]:
    """Yield those of `prompts` that `content` begins with. Reads it once."""
    hashed, position = blake2b(), 0
    for prompt in sorted(prompts, key=lambda prompt: prompt.length):
        hashed.update(content[position : prompt.length])
        position = prompt.length
        if position <= len(content) and hashed.digest() == prompt.digest:
            yield prompt


def content_of(request: EngineRequest) -> bytes:
    """Return what the prompt is made of; that of a longer conversation begins with that of its beginning."""
    parts = [request.template_kwargs, *request.messages, *request.generation.prompt_ids]
    return b"\n".join([*map(msgspec.json.encode, parts), request.prompt.encode(errors="replace")])
