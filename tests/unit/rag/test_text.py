"""Words, segments, token estimates."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.rag.layout import read_layout
from services.chat.rag.query import Query, content_terms
from services.chat.rag.segments import MAX_SEGMENT, Segment
from services.chat.rag.words import WORD, terms
from services.chat.tokens import MAX_READ, estimate_tokens

PROSE = (
    "The old water tower stands at the edge of the town and was finished in the summer of 1906. It is 61 metres high, "
    "and until 1974 it held the water for all of the houses on the hill. Today it is a museum, which shows how the "
    "pumps of the town worked and who kept them running."
)


def layout(text: str) -> list[Segment]:
    return read_layout(text).segments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Towers towered", ["the", "towers", "towere"]),
        ("Länder ÉCOLE", ["lander", "ecole"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("什么是模型", ["什么", "么是", "是模", "模型"]),
        ("塔", ["塔"]),
        ("كِتَاب الكتاب", ["كتاب", "كتاب"]),
        ("RK3588 1,906", ["rk3588", "1", "906"]),
        ("😀 --- ", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the height of the tower?", ["height", "tower"]),
        ("Wie hoch ist der Turm?", ["turm"]),
        ("这座塔有多高？", ["这座", "座塔", "塔有", "有多", "多高"]),
        ("Who?", []),
    ],
)
def test_what_a_question_is_about(question: str, expected: list[str]) -> None:
    assert content_terms(question) == expected


@pytest.mark.parametrize(
    ("asked", "word", "meets"),
    [
        ("dog", "dogs", True),
        ("land", "Länder", True),
        ("car", "care", True),
        ("art", "article", False),
        ("1906", "19061", False),
    ],
)
def test_near_words_meet(asked: str, word: str, meets: bool) -> None:
    assert bool(Query({asked: 1.0}).hits([word])) is meets


def test_glued_texts_and_sentences_are_cut() -> None:
    found = [segment.text for segment in layout("KommentarAntworten\n" + "This is one sentence. " * 20)]
    assert found[:2] == ["Kommentar", "Antworten"]
    assert set(found[2:]) == {"This is one sentence."}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("法律的 惩罚 ，第 3 条", "法律的惩罚，第3条"),
        ("東京は 2024 年", "東京は2024年"),
        ("（ see Tower ） 高", "（see Tower）高"),
        ("Open WebUI 很好", "Open WebUI 很好"),
        ("수탑 높이 61 미터", "수탑 높이 61 미터"),
        ("61 3 米", "61 3米"),
    ],
)
def test_blanks_go_where_a_script_has_none(text: str, kept: str) -> None:
    assert [segment.text for segment in layout(text)] == [kept]


@given(st.text())
def test_segments_lose_nothing_but_blanks(text: str) -> None:
    kept = "".join(segment.text for segment in layout(text))
    assert re.sub(r"\s", "", kept) == re.sub(r"\s", "", text)


@given(st.text(alphabet="ab.。 ", min_size=2000, max_size=9000))
def test_segments_are_short(text: str) -> None:
    assert all(len(segment.text) <= MAX_SEGMENT for segment in layout(text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    # Counted with a vocabulary of 150,000 entries.
    [
        (PROSE, 73),
        ("Der alte Wasserturm steht am Rand der Stadt und wurde im Sommer 1906 fertiggestellt.", 24),
        ("这座古老的水塔位于城市边缘，于一九〇六年夏天建成。", 17),
        ("Старая водонапорная башня стоит на окраине города.", 19),
        ("यह पुराना जल मीनार शहर के किनारे पर है।", 34),
        ("Ο παλιός πύργος του νερού βρίσκεται στην άκρη της πόλης.", 46),
        ("يقع برج المياه القديم على حافة المدينة.", 13),
        ("Eski su kulesi kasabanın kenarında duruyor ve 1906 yazında bitirildi.", 28),
        ("古い給水塔は町の端に立っており、1906年の夏に完成しました。", 23),
        ("오래된 급수탑은 마을 가장자리에 서 있다.", 17),
        ("หอเก็บน้ำเก่าตั้งอยู่ริมเมือง", 19),
        ("Vanha vesitorni seisoo kaupungin laidalla ja valmistui kesällä 1906.", 27),
    ],
)
def test_estimates_err_on_the_high_side(text: str, tokens: int) -> None:
    assert tokens <= estimate_tokens(text) <= 2 * tokens


@given(st.text(), st.text())
def test_estimates_grow(one: str, other: str) -> None:
    assert estimate_tokens(one + "\n" + other) + 2 >= estimate_tokens(one)


def test_words_of_any_script_are_found() -> None:
    assert WORD.findall("don't 東京 İstanbul") == ["don", "t", "東京", "İstanbul"]


@pytest.mark.parametrize("parts", [("{} ", "塔"), ("塔", "{} "), ("{} ", "{} ")])
def test_a_long_text_is_estimated_from_all_over_it(parts: tuple[str, str]) -> None:
    halves = [part.format(PROSE) * (MAX_READ // len(part.format(PROSE))) * 4 for part in parts]
    pieces = ["".join(halves)[start : start + 50_000] for start in range(0, sum(map(len, halves)), 50_000)]
    assert estimate_tokens("".join(halves)) == pytest.approx(sum(map(estimate_tokens, pieces)), rel=0.02)


@pytest.mark.parametrize(
    ("terms", "word", "match"),
    [
        (["tower"], "towers", {"tower": 0.8}),
        (["towers"], "tower", {"towers": 0.8}),
        (["dogs"], "dog", {"dogs": 0.8}),
        (["dogged"], "dog", {}),
        (["dog"], "dogma", {}),
        (["tow", "tower"], "towe", {"tow": 0.8}),
        (["tower", "tow"], "towe", {"tower": 0.8}),
        (["1234"], "123", {}),
    ],
)
def test_variants_of_a_term(terms: list[str], word: str, match: dict[str, float]) -> None:
    assert Query(dict.fromkeys(terms, 1.0)).hits([word]) == match


@given(
    st.lists(st.sampled_from(["tower", "Towers", "tow", "Länder", "land", "1234", "12", "塔高", "AI", "dog's", "x"])),
    st.sets(st.sampled_from(["tower", "tow", "land", "lander", "1234", "塔高", "ai", "dog"]), min_size=1),
)
def test_texts_that_are_passed_over_match_nothing(words: list[str], asked: set[str]) -> None:
    query = Query(dict.fromkeys(sorted(asked), 1.0))
    assert query.hits_in(" ".join(words)) == query.hits(WORD.findall(" ".join(words)))
