"""Texts as they were laid out: paragraphs, headings, items, code, pages, encoded data."""

from __future__ import annotations

import base64
import random
import re
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.rag.layout import read_layout
from services.chat.rag.segments import Segment, join

PARAGRAPHS = {
    "en": "The ferry across the Tarn was given up in the autumn of 1931, when the new bridge at Holm was opened "
    "to carts and to motor cars. The last ferryman, who had crossed the river for forty years, kept the "
    "bell and hung it in his kitchen. It rings only when the water stands above the third step of the "
    "landing place.",
    "de": "Die Fähre über die Lahn wurde im Herbst 1931 eingestellt, als die neue Brücke bei Holm für Fuhrwerke "
    "und Autos freigegeben war. Der letzte Fährmann, der vierzig Jahre lang über den Fluss gefahren war, "
    "behielt die Glocke und hängte sie in seine Küche. Sie läutet nur noch, wenn das Wasser über der "
    "dritten Stufe steht.",
    "es": "La barca que cruzaba el río dejó de navegar en el otoño de 1931, cuando se abrió el puente nuevo a "
    "los carros y a los automóviles. El último barquero, que había cruzado el río durante cuarenta años, "
    "se quedó con la campana y la colgó en su cocina. Suena solo cuando el agua pasa del tercer escalón "
    "del embarcadero.",
    "ru": "Переправа через реку закрылась осенью 1931 года, когда новый мост открыли для телег и для "
    "автомобилей. Последний паромщик, который сорок лет водил паром, оставил себе колокол и повесил его "
    "на кухне. Он звонит только тогда, когда вода стоит выше третьей ступени причала, и слышен на другом "
    "берегу.",
    "ar": "توقفت العبارة عن عبور النهر في خريف سنة 1931 حين فُتح الجسر الجديد للعربات والسيارات. واحتفظ آخر "
    "أصحابها بالجرس بعد أربعين سنة قضاها على الماء وعلقه في مطبخه. وهو لا يدق إلا حين يعلو الماء فوق "
    "الدرجة الثالثة من المرسى فيسمعه من يسكن على الضفة الأخرى من النهر",
    "zh": "渡船在一九三一年秋天停了，因为新桥通了车，大车和汽车都可以从上面过去。最后一位摆渡人在河上走了四十年"
    "，他把船上的铜铃带回家里，挂在厨房的墙上。只有河水漫过码头第三级台阶的时候，那只铜铃才会自己响起来，"
    "对岸的人也都听得见。孩子们总说那是老人在叫他们回家吃饭，老人听了只是笑，从来不说是也不说不是。",
}


def segments(text: str) -> list[Segment]:
    return read_layout(text).segments


def texts(text: str, role: str) -> list[str]:
    return [each.text for each in segments(text) if each.role == role]


def without_blanks(text: str) -> str:
    return re.sub(r"\s", "", text)


def broken(text: str, width: int) -> str:
    """Return `text` in lines of at most `width` characters; Chinese has no blanks to break at."""
    if " " in text:
        return textwrap.fill(text, width, break_on_hyphens=False)
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


@pytest.mark.parametrize("language", PARAGRAPHS)
@pytest.mark.parametrize("width", [60, 72])
def test_lines_broken_at_a_width_are_joined(language: str, width: int) -> None:
    paragraph = PARAGRAPHS[language]
    width = width if language != "zh" else width // 3
    text = "\n\n".join([broken(paragraph, width)] * 3)
    assert segments(text) == segments("\n\n".join([paragraph] * 3))


@given(st.randoms(use_true_random=False), st.integers(50, 90))
def test_joined_text_loses_nothing_but_blanks(chance: random.Random, width: int) -> None:
    words = " ".join(PARAGRAPHS["en"].split() * 4).split()
    chance.shuffle(words)
    text = broken(" ".join(words), width)
    assert without_blanks(join(segments(text))) == without_blanks(text)


@given(st.text(alphabet="ab .,;|\t\n#1-*{}§A塔\f", max_size=400))
def test_any_layout_loses_nothing_but_blanks(text: str) -> None:
    underlined = re.sub(r"(?m)^[ \t]*-{3,}[ \t]*$", "", text)
    kept = without_blanks(join(segments(underlined)))
    assert kept == without_blanks(underlined)


def test_a_word_that_was_divided_stays_together() -> None:
    paragraph = broken(PARAGRAPHS["en"], 60)
    divided = paragraph.replace("who had crossed", "who had inter-\nnationally crossed")
    assert "inter-nationally" in join(segments(f"{paragraph}\n\n{divided}"))


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"Step {number}: the tower of Eastwick needs paint number {number}." for number in range(9)),
        "Home\nContact\nLog in\nPrivacy\nCookie settings\nNewsletter\nArchive",
        "Roses are red,\nViolets are blue,\nSugar is sweet,\nAnd so are you.",
        "Ann Miller\n12 Mill Lane\nEastwick EA4 7QT",
    ],
)
def test_short_lines_are_not_joined(text: str) -> None:
    assert [each.text for each in segments(text)] == text.split("\n")


@pytest.mark.parametrize(
    ("line", "kind", "number"),
    [
        ("Article 12", "article", "12"),
        ("Artikel 12", "article", "12"),
        ("§ 12 Pflichten des Vorstands", "article", "12"),
        ("§ 4a Übergang", "article", "4a"),
        ("Artículo 9. Plazo mínimo.", "article", "9"),
        ("Статья 14", "article", "14"),
        ("المادة 12", "article", "12"),
        ("المادة ١٢: حقوق المسافر", "article", "12"),
        ("第十二条", "article", "12"),
        ("第一百零三条 附则", "article", "103"),
        ("제12조", "article", "12"),
        ("CHAPTER III", "chapter", "3"),
        ("Глава 3", "chapter", "3"),
        ("CAP. III. De la llegada", "chapter", "3"),
        ("Capítulo IV. De los socios", "chapter", "4"),
        ("第三章 道路通行条件", "chapter", "3"),
        ("Abschnitt 2 - Jugendschutz", "section", "2"),
        ("2.3 Cleaning the oven", "", "2.3"),
        ("1.3.1. Тепло", "", "1.3.1"),
        ("IV. The mill", "", "4"),
        ("## 2.3 Reinigung", "", "2.3"),
        ("Lesson 4", "lesson", "4"),
        ("The mill and its owners", "", ""),
    ],
)
def test_headings_are_told_by_words_numbers_and_signs(line: str, kind: str, number: str) -> None:
    found = [each for each in segments(f"{PARAGRAPHS['en']}\n\n{line}\n\n{PARAGRAPHS['en']}") if each.heading]
    assert [(each.heading.kind, each.heading.number) for each in found if each.heading] == [(kind, number)]
    assert without_blanks(found[0].text) == without_blanks(line)


def test_a_heading_may_be_underlined() -> None:
    assert texts(f"The mill\n========\n\n{PARAGRAPHS['en']}", "heading") == ["The mill"]


def test_an_article_may_begin_on_the_line_of_its_heading() -> None:
    found = segments(f"第十二条 {PARAGRAPHS['zh']}")
    assert (found[0].text, found[0].role, found[1].role) == ("第十二条", "heading", "prose")


@pytest.mark.parametrize(
    "line",
    [
        "Article 5 says that nobody may be kept in slavery, and the courts have read it in this way for years.",
        "1. the owner pays for the repair of the roof, unless the tenant has caused the damage himself,",
        "Part of the roof was lost in the storm of 1987.",
    ],
)
def test_sentences_are_no_headings(line: str) -> None:
    assert not texts(f"{PARAGRAPHS['en']}\n\n{line}\n\n{PARAGRAPHS['en']}", "heading")


def test_numbered_lines_one_after_the_other_are_a_list() -> None:
    text = "What you need:\n\n1. Flour\n\n2. Water\n\n3. Salt"
    assert not texts(text, "heading")
    assert texts(text, "item") == ["1. Flour", "2. Water", "3. Salt"]


def test_an_item_goes_on_over_its_lines() -> None:
    text = (
        "1.  persons who have not reached the age of fourteen years and who\n    live with their parents,\n2.  others."
    )
    assert texts(text, "item") == [
        "1. persons who have not reached the age of fourteen years and who live with their parents,",
        "2. others.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "```python\ndef add(a, b):\n    return a + b\n```",
        '{\n"name": "Gena",\n"friends": [',
        "2024-03-01 12:00:01 INFO started with 4 threads. Ready\n2024-03-01 12:00:02 WARN the disk is slow. Waiting",
    ],
)
def test_code_logs_and_data_stay_line_by_line(text: str) -> None:
    assert texts(text, "code") == [" ".join(line.split()) for line in text.split("\n")]


def test_code_keeps_its_indentation() -> None:
    code = "```\ndef add(a, b):\n    if a:\n        return a + b\n```"
    assert join(segments(code)) == code


@pytest.mark.parametrize(
    "shape",
    [
        lambda data: f"data:image/png;base64,{data}",
        lambda data: f"See {data} below.",
        lambda data: "\n".join(textwrap.wrap(data, 76)),
    ],
)
def test_encoded_data_is_left_out_and_counted(shape: object) -> None:
    data = base64.b64encode(random.Random(1).randbytes(3000)).decode()
    encoded = shape(data) if callable(shape) else ""
    layout = read_layout(f"The picture of the mill:\n{encoded}\nIt was taken in 1931.")
    assert 3900 < layout.left_out <= len(encoded)
    assert len(join(layout.segments)) < 100
    assert "[…]" in join(layout.segments)


@pytest.mark.parametrize(
    "word", ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "A" * 5000, "塔" * 5000, "-" * 300]
)
def test_other_long_words_stay(word: str) -> None:
    assert word in without_blanks(join(segments(word)))
