"""Run the pipeline for sources: from the messages of a request to the messages that are sent, with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from services.chat.rag import prompt, small_talk
from services.chat.rag.answer_language import language_of
from services.chat.rag.budget import HISTORY_SHARE, fitting_history, prompt_budget, shares, source_budget
from services.chat.rag.decision import EMPTY, UNFIT, Decision
from services.chat.rag.detect import detect
from services.chat.rag.extent import Extent, measure_extent
from services.chat.rag.language import is_foreign, languages_in
from services.chat.rag.named import only_named
from services.chat.rag.order import by_rank, find_aim, for_documents
from services.chat.rag.pace import breathing, do_nothing, paced
from services.chat.rag.passages import Cut, Passage, cut_source, is_snippet
from services.chat.rag.query import MAX_AIM, Query, gist, with_concepts
from services.chat.rag.rank import Ranking, rank_passages
from services.chat.rag.relevance import WEAK_COVERAGE, Verdict, judge_relevance
from services.chat.rag.select import select_passages
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.rag.sources import RagRequest, Source
from services.chat.rag.spans import missing_places
from services.chat.rag.topics import Topics, find_topics
from services.chat.tokens import Counter, estimate_tokens
from services.core.message import Messages, message

MAX_CHARACTERS = 600_000
"""Characters of all sources together that are read. More would take too long, and no prompt on a board has room for
it."""

Notes = Mapping[int, str]
"""Notes about sources, by the index of the source in the request."""

NO_NOTES: Notes = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """The messages to send, and what was decided."""

    messages: Messages
    decision: Decision
    thinking_off: bool = False
    """Whether thinking should be off: with a small context, reasoning would use the room of the answer."""
    rag_request: RagRequest | None = None
    """The parts of the request; None if it had no sources or the pipeline is off."""
    budget: int = 0
    """Tokens that the sources may have."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The part of the prompt that comes from sources."""

    text: str
    verdict: Verdict
    sources: int
    """Number of sources of which it has at least one passage."""
    unread: int
    """Characters of the sources that were not read."""
    extent: Extent
    weak: bool = False
    """Whether the answer may not be in it."""
    missing: Sequence[str] = ()
    """What the question calls the places that no source has."""


def run_pipeline(
    messages: Messages,
    model: ModelFacts,
    rag_settings: RagSettings,
    count: Counter = estimate_tokens,
    give_way: Callable[[], None] = do_nothing,
    notes: Notes = NO_NOTES,
) -> PipelineResult:
    """Return the messages to send instead of `messages`, and the decision about their sources.

    `notes` stand for the texts of the sources with their numbers. Does not block, but works for up to some hundred
    milliseconds; calls `give_way` every few milliseconds meanwhile.
    """
    started = time.perf_counter()
    if not rag_settings.rag_enabled:
        return PipelineResult(messages, Decision(False, "off"))
    request = detect(messages, give_way)
    if request is None:
        return PipelineResult(messages, Decision(False, "no sources"))
    request = with_notes(only_named(request, give_way), notes)
    count = breathing(count, give_way)
    history = fitting_history(request.history, prompt_budget(model, rag_settings) // HISTORY_SHARE, count)
    system: Messages = (message("system", request.system),) if request.system else ()
    asked = f"{request.instructions}\n\n{request.question}" if request.instructions else request.question
    give_way()
    language = language_of(gist(request.question, MAX_AIM), request.sources)
    budget = source_budget((*system, *history), asked, language, model, rag_settings, count)
    picked = pick_passages(request.question, request.sources, request.history, budget, rag_settings, count, give_way)
    decision = Decision(
        used=picked.verdict.use,
        reason=picked.verdict.reason,
        sources=request.found,
        kept=picked.sources,
        tokens=count(picked.text) if picked.text else 0,
        coverage=picked.verdict.coverage,
        ms=(time.perf_counter() - started) * 1000,
        unread=request.unread + picked.unread,
        extent=picked.extent,
    )
    if not decision.used:
        # The template is dropped too, as Open WebUI does without sources: its instructions are about them.
        plain = (*system, *request.history, messages[-1].with_text(request.question))
        return PipelineResult(plain, decision, rag_request=request)
    text = prompt.reading_prompt(
        picked.text, request.question, language, picked.weak, request.instructions, picked.missing
    )
    sent = (*system, *history, messages[-1].with_text(text))
    thinking_off = model.context_length < rag_settings.disable_think_for_rag_below_ctx
    return PipelineResult(sent, decision, thinking_off, request, budget)


def with_notes(request: RagRequest, notes: Notes) -> RagRequest:
    """Return `request` with `notes` instead of the texts of their sources."""
    sources = (replace(each, text=notes.get(number, each.text)) for number, each in enumerate(request.sources))
    return replace(request, sources=tuple(sources))


def pick_passages(
    question: str,
    sources: Sequence[Source],
    history: Messages,
    budget: int,
    rag_settings: RagSettings,
    count: Counter = estimate_tokens,
    give_way: Callable[[], None] = do_nothing,
) -> Picked:
    """Return the best passages of `sources` in `budget` tokens, or the verdict that no source is relevant.

    What a person attached is always used, except for a word of thanks in a talk.
    """
    cuts = cut_sources(sources, give_way)
    passages = [passage for cut in cuts for passage in cut.passages]
    unread = unread_characters(sources) + sum(cut.left_out for cut in cuts)
    if not passages:
        return Picked("", Verdict(False, EMPTY, 0.0), 0, unread, measure_extent(sources, ()))
    asked = gist(question)
    topics = find_topics(asked, history)
    spoken = languages_in([source.text for source in sources], give_way)
    query = with_concepts(asked, topics.weights(), spoken, give_way)
    verdict, ranking = _judge(asked, topics, query, passages, sources, rag_settings, give_way)
    # Open WebUI sends a document again with each message, also with a word of thanks.
    thanks = bool(history) and small_talk.wants_nothing(asked)
    kept = [each for each in passages if verdict.use or (sources[each.source].attached and not thanks)]
    if not kept:
        return Picked("", verdict, 0, unread, measure_extent(sources, ()))
    verdict = verdict if verdict.use else replace(verdict, use=True, reason="attached")
    if len(kept) != len(ranking.scores):
        ranking = rank_passages(query, kept, give_way)
    ranked = by_rank(kept, ranking.scores, rag_settings.rag_min_quality_score / 100)
    documents = all(sources[passage.source].attached for passage in kept)
    aim = gist(question, MAX_AIM)
    at_place, share = find_aim(aim, topics.leans, cuts, kept, give_way) if documents else ([], 0.0)
    order = for_documents(at_place, share, kept, ranked, verdict.coverage, give_way) if documents else ranked
    selected = select_passages(order, sources, budget, count, rag_settings, give_way)
    return Picked(
        text=prompt.render_passages(selected, sources),
        verdict=verdict,
        sources=len({passage.source for passage in selected}),
        unread=unread,
        extent=measure_extent(sources, selected, share == 1 and not at_place),
        # A question about the whole or a place shares no words with it, whatever that says.
        weak=verdict.coverage < WEAK_COVERAGE and share < 1 and not at_place,
        missing=missing_places(aim, cuts, give_way) if documents else (),
    )


def _judge(
    asked: str,
    topics: Topics,
    query: Query,
    passages: Sequence[Passage],
    sources: Sequence[Source],
    rag_settings: RagSettings,
    give_way: Callable[[], None],
) -> tuple[Verdict, Ranking]:
    """Return whether the results of a search are about the question, and their ranking; without any, the documents'."""
    judged = [passage for passage in passages if not sources[passage.source].attached] or passages
    ranking = rank_passages(query, judged, give_way)
    floor = rag_settings.rag_quality_floor_threshold / 10
    snippets_only = all(is_snippet(sources[number].text) for number in {passage.source for passage in judged})
    verdict = judge_relevance(asked, topics, ranking, judged, floor, snippets_only, give_way)
    judged_by_words = verdict.reason in UNFIT and not topics.leans
    if not verdict.use and judged_by_words and is_foreign(asked, _texts(sources, judged), give_way):
        # Words that two languages share say nothing of what the others mean.
        verdict = replace(verdict, use=True, reason="other language")
    return verdict, ranking


def _texts(sources: Sequence[Source], passages: Sequence[Passage]) -> list[str]:
    """Return the texts of the sources that `passages` are of."""
    return [sources[number].text for number in sorted({passage.source for passage in passages})]


def cut_sources(sources: Sequence[Source], give_way: Callable[[], None]) -> list[Cut]:
    """Return the sources in passages. Long ones are cut so that all together have `MAX_CHARACTERS` at most."""
    parts = zip(sources, _limits(sources), strict=True)
    return [
        cut_source(number, source.text[:limit], give_way)
        for number, (source, limit) in enumerate(paced(parts, give_way))
    ]


def unread_characters(sources: Sequence[Source]) -> int:
    """Return the number of characters that `cut_sources` does not read."""
    return sum(len(source.text) - limit for source, limit in zip(sources, _limits(sources), strict=True))


def _limits(sources: Sequence[Source]) -> list[int]:
    return shares([len(source.text) for source in sources], MAX_CHARACTERS)
