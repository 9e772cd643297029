"""Sections, pages, figures and tables that a person may name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.rag.layout import read_layout
from services.chat.rag.outline import Section, find_captions, find_pages, find_sections

BODY = "The members meet twice a year in the hall beside the mill, and the board invites them in writing."


def outline(text: str) -> list[Section]:
    return find_sections(read_layout(text).segments)


def content(text: str, section: Section) -> str:
    return " ".join(each.text for each in read_layout(text).segments[section.first : section.last + 1])


STATUTES = f"""Statutes of the mill

CHAPTER I
General

Article 1
{BODY}

Article 2
The mill stands at Holm.

CHAPTER II
Members

Article 3
A member pays 12 crowns a year.
"""

LANGUAGES = {
    "en": ("Chapter II", "Article 3"),
    "de": ("Kapitel 2", "§ 3"),
    "es": ("CAPÍTULO II", "Artículo 3"),
    "ru": ("Глава 2", "Статья 3"),
    "ar": ("الفصل 2", "المادة 3"),
    "zh": ("第二章", "第三条"),
}


def sections_named(sections: Sequence[Section], number: str, kind: str = "") -> list[Section]:
    """Return the sections with this number, of this kind if it is given and they have one."""
    return [each for each in sections if each.number == number and (not kind or each.kind in {"", kind})]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sections_are_found_by_kind_and_number(language: str) -> None:
    chapter, article = LANGUAGES[language]
    text = f"{chapter}\n\n{article}\n\nA member pays 12 crowns a year.\n\n{BODY}"
    sections = outline(text)
    assert [each.parent for each in sections] == [-1, 0]
    assert "12 crowns" in content(text, sections_named(sections, "3", "article")[0])
    assert "12 crowns" in content(text, sections_named(sections, "2", "chapter")[0])


def test_a_section_ends_where_the_next_of_its_level_begins() -> None:
    sections = outline(STATUTES)
    assert "Holm" in content(STATUTES, sections_named(sections, "1", "chapter")[0])
    assert "12 crowns" not in content(STATUTES, sections_named(sections, "1", "chapter")[0])
    assert "12 crowns" in content(STATUTES, sections[-1])


def test_articles_may_have_sections() -> None:
    text = "\n\n".join(f"Article {one}\n\nSection {other}\n\n{BODY}" for one, other in [("I", 1), ("II", 1)])
    assert [(each.kind, each.number, each.parent) for each in outline(text)] == [
        ("article", "1", -1),
        ("section", "1", 0),
        ("article", "2", -1),
        ("section", "1", 2),
    ]


def test_numbered_sections_contain_each_other() -> None:
    text = "\n\n".join(f"{number} Title\n\n{BODY}" for number in ("2.", "2.3", "2.3.1", "2.4", "3."))
    assert [(each.number, each.parent) for each in outline(text)] == [
        ("2", -1), ("2.3", 0), ("2.3.1", 1), ("2.4", 0), ("3", -1),
    ]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), [("Глава первая", "Глава вторая"), ("الفصل الأول", "الفصل الثاني")])
def test_numbers_in_words_are_counted(first: str, second: str) -> None:
    text = f"{first}\n\n{BODY}\n\n{second}\n\n{BODY}"
    assert [each.number for each in outline(text)] == ["1", "2"]


def test_a_chapter_has_its_title_from_the_line_below() -> None:
    (section,) = outline(f"Глава первая\n\nДурное поведение\n\n{BODY}")
    assert section.title == "Глава первая Дурное поведение"
    assert section.body == 2


@pytest.mark.parametrize(
    "text",
    [
        f"One. {BODY}\n\fTwo. {BODY}\n\fThree. {BODY}",
        f"One. {BODY}\n\nPage 1 of 3\n\nTwo. {BODY}\n\nPage 2 of 3\n\nThree. {BODY}\n\nPage 3 of 3",
        f"- 1 -\n\nOne. {BODY}\n\n- 2 -\n\nTwo. {BODY}\n\n- 3 -\n\nThree. {BODY}",
        f"One. {BODY}\n\nSeite 2\n\nTwo. {BODY}\n\nSeite 3\n\nThree. {BODY}",
        f"[p. 1]\n\nOne. {BODY}\n\n[p. 2]\n\nTwo. {BODY}\n\n[p. 3]\n\nThree. {BODY}",
        f"One. {BODY}\n\n1 / 3\n\nTwo. {BODY}\n\n2 / 3\n\nThree. {BODY}\n\n3 / 3",
        f"The mill | Page 1\n\nOne. {BODY}\n\nThe mill | Page 2\n\nTwo. {BODY}\n\nThe mill | Page 3\n\nThree. {BODY}",
        f"One. {BODY}\n\n第1页\n\nTwo. {BODY}\n\n第2页\n\nThree. {BODY}\n\n第3页",
    ],
)
@pytest.mark.parametrize(("number", "word"), [("1", "One."), ("2", "Two."), ("3", "Three.")])
def test_pages_are_found(text: str, number: str, word: str) -> None:
    segments = read_layout(text).segments
    (page,) = (each for each in find_pages(segments) if each.number == number)
    inside = " ".join(each.text for each in segments[page.first : page.last + 1])
    assert [each for each in ("One.", "Two.", "Three.") if each in inside] == [word]


@pytest.mark.parametrize(
    ("caption", "kind", "number"),
    [
        ("Figure 3: The mill", "figure", "3"),
        ("Abb. 2.1 Die Mühle", "figure", "2.1"),
        ("Рисунок 4. Мельница", "figure", "4"),
        ("图3 水车", "figure", "3"),
        ("Tabla 5. Cuotas", "table", "5"),
        ("جدول 2: الأعضاء", "table", "2"),
        ("表 7 会费", "table", "7"),
    ],
)
def test_captions_are_found(caption: str, kind: str, number: str) -> None:
    segments = read_layout(f"{BODY}\n\n{caption}\n\n| a | b |\n|---|---|\n| c | d |\n\n{BODY}").segments
    (mark,) = find_captions(segments)
    assert (mark.kind, mark.number) == (kind, number)
    assert segments[mark.last].text == ("| c | d |" if kind == "table" else segments[mark.last].text)


@given(
    st.lists(
        st.sampled_from(["# A", "## B", "Article 4", "2.3 C", "I", "Title here", BODY, "Page 2", "\f"]), max_size=30
    )
)
def test_sections_lie_within_the_text_and_within_their_parents(parts: list[str]) -> None:
    segments = read_layout("\n\n".join(parts)).segments
    sections = find_sections(segments)
    for each in sections:
        assert each.first < each.body <= each.last + 1 <= len(segments)
        assert each.parent < 0 or sections[each.parent].first < each.first <= each.last <= sections[each.parent].last
