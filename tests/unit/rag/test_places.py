"""Places that a question names: what they are called, where they are, and what is said where there are none."""

from __future__ import annotations

import pytest

from services.chat.rag.passages import Cut, cut_source
from services.chat.rag.pipeline import pick_passages, run_pipeline
from services.chat.rag.places import named_places
from services.chat.rag.prompt import MISSING
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.rag.sources import Source
from services.chat.rag.spans import missing_places, spans_of
from services.core.message import message

BODY = "The members meet twice a year in the hall beside the mill, and the board invites them in writing."


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is on page 3?", [("page", "3")]),
        ("What does Chapter IV say?", [("chapter", "4")]),
        ("article no. 12", [("article", "12")]),
        ("the third long chapter", [("chapter", "3")]),
        ("the 2nd section", [("section", "2")]),
        ("chapter five", [("chapter", "5")]),
        ("pages 3-5", [("page", "3"), ("page", "4"), ("page", "5")]),
        ("What do articles 3 and 9 say?", [("article", "3"), ("article", "9")]),
        ("Appendix B", [("annex", "b")]),
        ("im vorletzten Absatz", [("paragraph", "-2")]),
        ("das 3. Kapitel", [("chapter", "3")]),
        ("Seiten 3 bis 4", [("page", "3"), ("page", "4")]),
        ("capítulo tercero", [("chapter", "3")]),
        ("l'article premier", [("article", "1")]),
        ("la page n° 7", [("page", "7")]),
        ("на последней странице", [("page", "-1")]),
        ("что в 3-й главе", [("chapter", "3")]),
        ("ما في الصفحة ٣؟", [("page", "3")]),
        ("المادة الثانية عشرة", [("article", "12")]),
        ("3. bölümde ne var", [("chapter", "3")]),
        ("तीसरा अध्याय", [("chapter", "3")]),
        ("第3到4页", [("page", "3"), ("page", "4")]),
        ("最后一段", [("paragraph", "-1")]),
        ("3ページ", [("page", "3")]),
        ("제3장", [("chapter", "3")]),
        ("How does the story end?", [("end", "")]),
        ("故事的结尾怎么样", [("end", "")]),
    ],
)  # fmt: skip
def test_a_place_is_named_by_its_kind_and_its_number(question: str, expected: list[tuple[str, str]]) -> None:
    assert [(place.kind, place.number) for place in named_places(question)] == expected


@pytest.mark.parametrize(
    "question",
    [
        "Summarize this in 3 paragraphs",
        "Write two pages about the mill",
        "In which section I can find the fee?",
        "top 3 points",
        "When does the lease end?",
        "¿Cuáles son los artículos más importantes?",
        "du début à la fin",
        "用三段话总结",
    ],
)
def test_a_length_or_another_topic_is_no_place(question: str) -> None:
    assert named_places(question) == []


def shown(text: str, question: str) -> str:
    cut = cut_source(0, text)
    spans = spans_of(named_places(question), cut)
    return " ".join(cut.segments[index].text for span in spans for index in span)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("page 2", {"Two", "oars", "weir"}),
        ("the last page", {"Three"}),
        ("how does it end?", set()),
        ("how does it begin?", {"One"}),
        ("item 7", {"oars"}),
        ("step 8", {"weir"}),
        ("the second paragraph", {"Two", "oars", "weir"}),
        ("the last paragraph", {"Three"}),
    ],
)
def test_a_place_is_found_without_headings(question: str, words: set[str]) -> None:
    long = f"{BODY} " * 9
    text = f"One. {long}\n\f\nTwo. {long}\n\n7. Mend the oars\n8. Mend the weir\n\f\nThree. {long}\n\nAda Holm"
    found = shown(text, question)
    assert ("Ada Holm" in found) is (question in {"the last page", "how does it end?", "the last paragraph"})
    assert {word for word in ("One", "Two", "Three", "oars", "weir") if word in found} == words


def test_chapters_without_numbers_are_counted_from_either_end() -> None:
    text = "\n\n".join(f"# {title}\n\n{title} it is. {BODY}" for title in ("Red", "Green", "Blue"))
    assert "Green it is" in shown(text, "the second chapter")
    assert "Blue it is" in shown(text, "the last chapter")


def test_a_slide_is_found_by_its_word_in_another_language() -> None:
    text = "\n\n".join(f"Folie {number}\n\nNummer {number * 11}. {BODY}" for number in (1, 2, 3))
    assert "Nummer 22" in shown(text, "slide 2")


def test_an_annex_may_have_a_letter() -> None:
    text = "\n\n".join(f"Annex {letter}\n\nOf {letter * 3}. {BODY}" for letter in "ABCD")
    assert "Of BBB" in shown(text, "What is in Annex B?")
    assert "Of CCC" in shown(text, "What is in Annex C?")


def cuts(*texts: str) -> list[Cut]:
    return [cut_source(number, text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What is on page 30?", ["page 30"]),
        ("What is in article 2?", []),
        ("articles 2 to 4", ["articles 2 to 4"]),
        ("Does it follow article 77?", []),
        ("the last article", []),
        ("How high is the mill?", []),
    ],
)
def test_places_that_no_document_has_are_told(question: str, missing: list[str]) -> None:
    documents = cuts(f"Article 1\n\n{BODY}", f"Article 2\n\n{BODY} See Article 77 of the law.")
    assert missing_places(question, documents) == missing


def test_the_prompt_says_which_place_is_missing() -> None:
    source = f'<source id="1" name="a.txt" resource-type="file">Article 1\n\n{BODY * 20}</source>'
    for question, said in (("What is on page 30?", True), ("What is in article 1?", False)):
        asked = message("user", f"<context>\n{source}</context>\n\n{question}")
        text = run_pipeline((asked,), ModelFacts(4096, rag_tokens=300), RagSettings()).messages[-1].text
        assert (MISSING["en"].format("“page 30”") in text) is said
        assert BODY in text


def test_a_place_larger_than_the_room_is_shown_from_all_over_it_or_where_it_answers() -> None:
    paragraphs = [f"Boat {number} is rowed by {number * 3} people. {BODY}" for number in range(1, 60)]
    paragraphs[40] = f"The heron nests in the shed. {BODY}"
    text = f"# Red\n\n{BODY}\n\n# Blue\n\n" + "\n\n".join(paragraphs)
    source = [Source("1", "", "", text, "file")]
    whole = pick_passages("Summarize chapter 2", source, (), 500, RagSettings()).text
    assert "Boat 1 " in whole
    assert "Boat 59 " in whole
    assert "The heron" in pick_passages("What does chapter 2 say about the heron?", source, (), 300, RagSettings()).text
