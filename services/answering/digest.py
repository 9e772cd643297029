"""Keep what models have read of long documents: the notes about their parts.

A document that is asked about again, on the next turn of a talk, costs nothing then; where time ended before its end,
the next question reads on. The key is a hash of the text, the model and the API key, so two texts never mix, and nobody
learns from the time of an answer what others have read.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cachetools import LRUCache

from services.chat.rag.budget import shares
from services.chat.rag.decision import Decision
from services.chat.rag.extent import Extent
from services.chat.rag.pace import breathing
from services.chat.rag.parts import Part, ReadingPlan, cut_parts, fitting_parts, plan_reading, reading_order
from services.chat.rag.pipeline import MAX_CHARACTERS, Notes
from services.chat.rag.settings import ModelFacts
from services.chat.rag.sources import Source
from services.chat.tokens import Counter
from services.core.model import Model

MAX_DIGESTS = 8
"""Documents that are kept. Each takes as much memory as its text, 2 MB at most."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a model has read of one document."""

    parts: tuple[Part, ...]
    note_tokens: int
    """Tokens that the notes about a part may have."""
    notes: dict[int, str] = field(default_factory=dict)
    """The notes by the index of their part."""


class Digests:
    """The digests of the last documents. Any thread may use it; no method blocks."""

    def __init__(self) -> None:
        self._digests: LRUCache[str, Digest] = LRUCache(MAX_DIGESTS)
        self._lock = threading.Lock()

    def find(self, key: str) -> Digest | None:
        """Return the digest with a key of `digest_key`; None if there is none."""
        with self._lock:
            return self._digests.get(key)

    def keep(self, key: str, digest: Digest) -> Digest:
        """Keep `digest`, and return it; if another request brought one meanwhile, return that."""
        with self._lock:
            return self._digests.setdefault(key, digest)

    def forget(self, digests: Iterable[Digest]) -> None:
        """Drop `digests`, whose parts are too long for their model."""
        dropped = set(map(id, digests))
        with self._lock:
            for key in [key for key, digest in self._digests.items() if id(digest) in dropped]:
                del self._digests[key]


def digest_key(owner: str, model: Model, text: str) -> str:
    """Return a hash that is equal for digests of the same text that the same model wrote for the key `owner`."""
    # A model file that was replaced writes other notes.
    parts = (owner, str(model.path), str(model.created), text)
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Reading:
    """The documents of a request that are read in parts."""

    digests: Mapping[int, Digest]
    """By the index of the source."""
    order: Sequence[tuple[int, int]]
    """The parts that the answer may come from, in the order of reading: the indexes of the source and of the part."""
    room: int
    """Tokens of all notes and overviews together."""
    extent: Extent
    """How much of the documents the prompt has without notes."""
    reads_on: bool = True
    """Whether there is time to read parts of which there are no notes yet."""

    @property
    def unread(self) -> list[tuple[int, int]]:
        """Return the parts that are to be read."""
        return self.missing if self.reads_on else []

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Return the parts without notes."""
        return [(source, part) for source, part in self.order if part not in self.digests[source].notes]

    @property
    def read(self) -> int:
        """Return the number of parts with notes."""
        return sum(len(digest.notes) for digest in self.digests.values())

    def notes(self, count: Counter) -> Notes:
        """Return the texts that stand for the sources: notes, and overviews of the other parts that fill the room."""
        others = self.missing
        noted = sum(count(note) for digest in self.digests.values() for note in digest.notes.values())
        each = (self.room - noted) // max(1, len(others))
        texts = {number: dict(digest.notes) for number, digest in self.digests.items()}
        for number, part in others:
            texts[number][part] = self.digests[number].parts[part].overview(each, count)
        return {number: "\n\n".join(found[part] for part in sorted(found)) for number, found in texts.items()}

    def announced(self, decision: Decision) -> Decision:
        """Return `decision` as it is before the reading."""
        return replace(self.told(decision), parts_read=0)

    def told(self, decision: Decision) -> Decision:
        """Return `decision` with how much of the documents themselves was read."""
        parts = sum(len(digest.parts) for digest in self.digests.values())
        return replace(decision, extent=self.extent, parts=parts, parts_read=self.read)


def choose_documents(sources: Sequence[Source], budget: int, count: Counter) -> tuple[dict[int, tuple[str, int]], int]:
    """Return the texts and tokens of the documents that do not fit, by their indexes, and what the others leave."""
    attached = [number for number, source in enumerate(sources) if source.attached]
    limits = shares([len(sources[number].text) for number in attached], MAX_CHARACTERS)
    texts = {number: sources[number].text[:limit] for number, limit in zip(attached, limits, strict=True)}
    costs = {number: count(text) for number, text in texts.items()}
    rooms = dict(zip(costs, shares(list(costs.values()), budget), strict=True))
    long = {number: (texts[number], cost) for number, cost in costs.items() if cost > rooms[number]}
    return long, budget - sum(rooms[number] for number in costs if number not in long)


class ReadingPlanner:
    """Plans the reading of documents by one model, for one key."""

    def __init__(
        self, digests: Digests, owner: str, model: Model, count: Counter, give_way: Callable[[], None]
    ) -> None:
        """Take the name of the key as `owner`, and `give_way`, which is called every few milliseconds."""
        self._digests, self._owner, self._model = digests, owner, model
        self._count, self._give_way = breathing(count, give_way), give_way

    def plan(
        self, sources: Sequence[Source], extent: Extent, budget: int, facts: ModelFacts, seconds: float
    ) -> Reading | None:
        """Return which documents are read in parts, in `seconds`, to notes of `budget` tokens; None if none are."""
        long, room = choose_documents(sources, budget, self._count)
        keys = {number: digest_key(self._owner, self._model, text) for number, (text, _) in long.items()}
        digests = {number: found for number, key in keys.items() if (found := self._digests.find(key)) is not None}
        plan = plan_reading(sum(cost for _, cost in long.values()), room, facts, seconds)
        if plan is not None:
            for number in keys.keys() - digests.keys():
                digests[number] = self._digests.keep(keys[number], self._cut(long[number][0], plan))
        if not digests:
            return None
        # What is known is used in any case.
        return Reading(digests, parts_in_order(digests, fitting_parts(room)), room, extent, plan is not None)

    def _cut(self, text: str, plan: ReadingPlan) -> Digest:
        return Digest(cut_parts(text, plan.part_tokens, self._count, self._give_way), plan.note_tokens)


def parts_in_order(digests: Mapping[int, Digest], most: int) -> list[tuple[int, int]]:
    """Return at most `most` parts in the order in which they are read, with the index of their source."""
    numbers = sorted(digests)
    order = reading_order([len(digests[number].parts) for number in numbers], most)
    return [(numbers[document], part) for document, part in order]
