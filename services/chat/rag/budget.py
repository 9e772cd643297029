"""Share the room of a prompt among its parts."""

from __future__ import annotations

from collections.abc import Sequence

from services.chat.rag import prompt
from services.chat.rag.places import numbered_places
from services.chat.rag.query import MAX_AIM, gist
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.tokens import TOKENS_PER_MESSAGE, Counter
from services.core.message import Messages

HISTORY_SHARE = 4
"""The history may use one of this many parts of the prompt."""

MIN_SOURCE_TOKENS = 128
"""Tokens that the sources get even if the rest of the prompt leaves less: without sources the question has no
answer."""


def prompt_budget(model: ModelFacts, rag_settings: RagSettings) -> int:
    """Return the tokens that a prompt may have: limited by the context, and by the time that prefill may take."""
    # A default of many answer tokens must not leave a small context without sources.
    room = model.context_length - min(model.answer_tokens, model.context_length // 4)
    if model.prefill_speed and rag_settings.rag_max_prefill_seconds:
        room = min(room, int(model.prefill_speed * rag_settings.rag_max_prefill_seconds))
    return room


def source_budget(
    fixed_messages: Messages, question: str, language: str, model: ModelFacts, rag_settings: RagSettings, count: Counter
) -> int:
    """Return the tokens for the sources: what `fixed_messages` and the question leave, limited by the model's `rag_tokens`.

    `language` is that of the task, a key of `prompt.TASKS`.
    """
    fixed_tokens = sum(count(each.text) + TOKENS_PER_MESSAGE for each in fixed_messages)
    missing = [place.words for place in numbered_places(gist(question, MAX_AIM))]
    fixed_tokens += (
        count(prompt.reading_prompt("", question, language, weak=True, missing=missing)) + TOKENS_PER_MESSAGE
    )
    room = max(MIN_SOURCE_TOKENS, prompt_budget(model, rag_settings) - fixed_tokens)
    return min(room, model.rag_tokens) if model.rag_tokens else room


def fitting_history(history: Messages, room: int, count: Counter) -> Messages:
    """Return the most recent messages that fit into `room` tokens, beginning with a message of the user."""
    start = len(history)
    for index in range(len(history) - 1, -1, -1):
        room -= count(history[index].text) + TOKENS_PER_MESSAGE
        if room < 0:
            break
        # A history that begins with an answer breaks templates that require alternating roles.
        if history[index].role == "user":
            start = index
    return history[start:]


def shares(sizes: Sequence[int], total: int) -> list[int]:
    """Return how much of each size is in `total`: what the small ones leave goes to the large ones in equal parts."""
    result = list(sizes)
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    for place, index in enumerate(order):
        result[index] = min(sizes[index], total // (len(order) - place))
        total -= result[index]
    return result
