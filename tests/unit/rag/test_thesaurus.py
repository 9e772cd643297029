"""Other words for what a question names: which concepts it finds, and which passages they find."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chat.rag import thesaurus as module
from services.chat.rag.passages import cut_source
from services.chat.rag.pipeline import pick_passages
from services.chat.rag.query import Query
from services.chat.rag.rank import rank_passages
from services.chat.rag.settings import RagSettings
from services.chat.rag.sources import Source
from services.chat.rag.thesaurus import LANGUAGES, Thesaurus, thesaurus

SMALL = Thesaurus([
    "bread loaf|brot|pan|pain||||||||パン",
    "pain ache|schmerz|dolor|douleur||||||||",
    "postpone|verschieben||||||||||",
    "encrypt|verschlüsseln||||||||||",
    "pharmacy chemist|apotheke|farmacia|pharmacie|||аптека||صيدلية||药店|",
])  # fmt: skip

ANY: frozenset[str] = frozenset()


def test_an_inflected_word_names_its_concept() -> None:
    assert SMALL.concepts_in("Zwei Brote", ANY) == {0: 1}
    assert SMALL.concepts_in("unbearable aches", ANY) == {1: 1}


def test_a_compound_names_the_concept_of_its_last_part() -> None:
    assert SMALL.concepts_in("Gemeinschaftsapotheken", ANY) == {4: 1}


def test_a_word_is_found_within_a_run_without_blanks() -> None:
    assert SMALL.concepts_in("一些社区药店在干什么", ANY) == {4: 1}


def test_of_words_that_begin_alike_the_most_alike_is_meant() -> None:
    assert SMALL.concepts_in("Verschlüsselung", ANY) == {3: 1}
    assert SMALL.concepts_in("Versch", ANY) == {2: 2, 3: 2}


def test_the_language_of_the_question_decides_what_its_word_means() -> None:
    assert SMALL.concepts_in("pain", ANY) == {0: 2, 1: 2}
    assert SMALL.concepts_in("pain", {"fr"}) == {0: 1}


def test_only_words_in_the_languages_of_the_sources_are_given() -> None:
    assert dict(SMALL.terms_of(4, {"de", "ru"})) == {"apothe": 1.0, "аптека": 1.0}
    assert dict(SMALL.terms_of(0, {"ja"})) == {"パン": 1.0}


@pytest.mark.parametrize("name", module.FILES)
def test_each_line_of_the_lists_has_a_field_per_language(name: str) -> None:
    lines = (Path(module.__file__).parent / name).read_text(encoding="utf-8").splitlines()
    fields = [len(line.split("|")) for line in lines if not line.startswith("#")]
    assert set(fields) == {len(LANGUAGES)}


def test_words_that_ask_or_join_name_no_concept() -> None:
    assert not thesaurus().concepts_in("who what the and with from, welche mit und, quién con, 什么 是", ANY)


FILLER = "\n\n".join(
    f"Paragraph {number} is about the {number}th meeting of the choir, as always." for number in range(60)
)
"""Text that has no word of the questions, and does not fit into the budget beside the answer."""


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("How much does it cost to repair the engine?", "Fixing the motor is 400 euros."),
        ("Ab welchem Alter darf man wählen?", "Citizens who are eighteen years of age may vote."),
        ("¿Dónde está la llave del armario?", "The key of the cupboard hangs on a nail."),
        ("Разрешено ли приводить собаку?", "Dogs are allowed on the ground floor."),
        ("图书馆什么时候开门?", "The library opens at nine."),
        ("كم يبلغ طول الجسر؟", "The bridge has a length of 80 metres."),
    ],
)
def test_a_document_is_found_by_other_words_and_other_languages(question: str, sentence: str) -> None:
    document = Source("1", "minutes.txt", "", f"{FILLER}\n\n{sentence}\n\n{FILLER}", "file")
    assert sentence in pick_passages(question, [document], (), 400, RagSettings()).text


def test_other_words_count_less_the_more_of_the_question_is_said() -> None:
    query = Query({"repair": 1.0, "engine": 1.0}, {"#1": 0.5}, {"motor": ("#1", 1.0)})
    other = cut_source(1, "The motor stands in the yard behind the house of the mayor.").passages
    said = [*cut_source(0, "They repair the engine on Monday at noon in the hall.").passages, *other]
    unsaid = [*cut_source(0, "They dance on Monday at noon in the hall of the town.").passages, *other]
    assert rank_passages(query, said).scores[-1] < rank_passages(query, unsaid).scores[-1]
