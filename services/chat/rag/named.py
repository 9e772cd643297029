"""Find the documents that a question calls by their names: "Summarize minutes.md" is about one of three files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from services.chat.rag.aim import looked_up, share_of_whole
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.query import MAX_AIM, gist
from services.chat.rag.sources import RagRequest, Source
from services.chat.rag.words import WORD, starts_unspaced

MIN_NAME = 3
"""Characters from which the name of a file counts without its ending."""


def only_named(request: RagRequest, give_way: Callable[[], None] = do_nothing) -> RagRequest:
    """Return `request` with the documents alone that a question about the whole of them names, if it names some.

    Calls `give_way` every few milliseconds.
    """
    question = gist(request.question, MAX_AIM).lower()
    spoken = f" {' '.join(WORD.findall(question))} "
    named = {
        number: name
        for number, each in enumerate(paced(request.sources, give_way))
        if (name := _name_in(question, spoken, each))
    }
    if not 0 < len(named) < len(request.sources) or share_of_whole(_without(question, named.values())) < 1:
        return request
    return replace(request, sources=tuple(request.sources[number] for number in named))


def _name_in(question: str, spoken: str, source: Source) -> str:
    """Return what a lower-case question calls an attached `source`: its title, or that without the ending of a file.

    Empty if it does not name it, or only by a word for any text. `spoken` are the words of the question between blanks.
    """
    title = source.name.lower().strip()
    if not title or not source.attached:
        return ""
    if "." in title and title in question:
        return title
    bare = " ".join(WORD.findall(title.rpartition(".")[0] or title))
    if not any(looked_up(bare)):
        return ""  # "the notes" may be any of them
    if starts_unspaced(bare):
        return bare if len(bare) > 1 and bare in spoken else ""
    return bare if len(bare) >= MIN_NAME and f" {bare} " in spoken else ""


def _without(question: str, names: Iterable[str]) -> str:
    for name in names:
        question = question.replace(name, " ")
    return question
