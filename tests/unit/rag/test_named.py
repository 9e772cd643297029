"""Which of several documents a question calls by its name."""

from __future__ import annotations

import pytest

from services.chat.rag.named import only_named
from services.chat.rag.sources import RagRequest, Source


def kept(question: str, names: tuple[str, ...]) -> list[str]:
    sources = tuple(Source(str(number), name, "", "Text.", "file") for number, name in enumerate(names, 1))
    return [each.name for each in only_named(RagRequest(sources, question, "", (), len(sources))).sources]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Summarize minutes.md", ["minutes.md"]),
        ("Fasse Mietvertrag 2024 zusammen", ["Mietvertrag_2024.pdf"]),
        ("总结一下租房合同", ["租房合同.docx"]),
        ("Compare minutes.md and notes.txt", ["minutes.md", "notes.txt"]),
        ("Summarize the minutes", ["minutes.md", "Mietvertrag_2024.pdf", "租房合同.docx", "notes.txt"]),
        ("Summarize all of them", ["minutes.md", "Mietvertrag_2024.pdf", "租房合同.docx", "notes.txt"]),
        ("Who wrote the notes about the river?", ["minutes.md", "Mietvertrag_2024.pdf", "租房合同.docx", "notes.txt"]),
    ],
)
def test_a_question_about_the_whole_of_named_documents_is_about_these(question: str, expected: list[str]) -> None:
    assert kept(question, ("minutes.md", "Mietvertrag_2024.pdf", "租房合同.docx", "notes.txt")) == expected


def test_results_of_a_search_have_no_name() -> None:
    sources = (Source("1", "minutes", "https://e.org", "Text."), Source("2", "a.md", "", "Text.", "file"))
    request = RagRequest(sources, "Summarize minutes", "", (), 2)
    assert only_named(request) is request
