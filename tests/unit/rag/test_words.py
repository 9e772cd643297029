"""How words of many scripts are compared, what function words count, and in which language a question is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.rag import function_words
from services.chat.rag.function_words import LISTED_WEIGHT, LISTED_WORDS, QUESTION_WEIGHT, QUESTION_WORDS
from services.chat.rag.language import is_foreign, languages_of, script_of
from services.chat.rag.query import Query, content_terms, term_weights
from services.chat.rag.words import WORD, grams, stem, terms

TEXTS = {
    "en": "The old water tower stands at the edge of the town and was finished in the summer of 1906. It is a museum.",
    "de": "Der alte Wasserturm steht am Rand der Stadt und war im Sommer 1906 fertig. Er ist ein Museum für alle.",
    "es": "La vieja torre de agua está en el borde de la ciudad y fue terminada en el verano de 1906. Es un museo.",
    "fr": "Le vieux château d'eau se trouve au bord de la ville et il a été achevé en 1906. C'est un musée pour tous.",
    "tr": "Eski su kulesi kasabanın kenarında duruyor ve 1906 yazında bitirildi. Bu kule çok para ve zaman için.",
    "ru": "Старая водонапорная башня стоит на окраине города, и она была закончена летом 1906 года. Это музей.",
    "uk": "Стара водонапірна вежа стоїть на околиці міста, і її було завершено влітку 1906 року. Це музей, який є.",
    "ar": "يقع برج المياه القديم على حافة المدينة وقد تم الانتهاء منه في صيف عام 1906. هو متحف من كل هذا.",
    "hi": "यह पुराना जल मीनार शहर के किनारे पर है और 1906 की गर्मियों में पूरा हुआ था। यह एक संग्रहालय है।",
    "zh": "这座古老的水塔位于城市边缘，于一九〇六年夏天建成。现在它是一座博物馆。",
    "ja": "古い給水塔は町の端に立っており、1906年の夏に完成しました。今は博物館です。",
    "ko": "오래된 급수탑은 마을 가장자리에 서 있으며 1906년 여름에 완공되었다.",
    "th": "หอเก็บน้ำเก่าตั้งอยู่ริมเมืองและสร้างเสร็จในฤดูร้อนปี 1906",
}
QUESTIONS = {
    "en": "What is the height of the tower?",
    "de": "Wann wurde der Turm gebaut?",
    "es": "¿Cuándo se construyó la torre?",
    "fr": "Quand est-ce que la tour a été construite ?",
    "tr": "Kule ne zaman ve niçin inşa edildi?",
    "ru": "Когда была построена башня?",
    "uk": "Коли була збудована ця вежа?",
    "ar": "متى تم بناء هذا البرج؟",
    "hi": "मीनार कब बनाई गई थी?",
    "zh": "这座塔有多高？",
    "ja": "塔はいつ建てられましたか",
    "ko": "탑은 언제 지어졌습니까?",
    "th": "หอสร้างเมื่อไร",
}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("والكتاب", "كتاب", True),
        ("بالمدرسة", "المدرسة", True),
        ("للمدينة", "مدينة", True),
        ("ولد", "ولد", True),
        ("בירושלים", "ירושלים", True),
        ("והספר", "ספר", True),
        ("והספרייה", "ספרייה", True),
        ("mượn", "mướn", False),
        ("room217", "room218", False),
        ("station188", "station", False),
        ("école", "ecole", True),
        ("länder", "lander", True),
        ("19061906", "19061907", False),
    ],
)
def test_words_meet_as_one_stem(one: str, other: str, same: bool) -> None:
    assert (stem(one) == stem(other)) is same


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("人工智能", ["人工", "工智", "智能"]),
        ("塔", ["塔"]),
        ("เมือง", ["เมื", "มือ", "ือง"]),
        ("ปี", ["ปี"]),
        ("ສະບາ", ["ສະບ", "ະບາ"]),
    ],
)
def test_runs_without_blanks_become_groups(run: str, expected: list[str]) -> None:
    assert grams(run) == expected
    assert terms(run) == expected


def test_a_question_in_thai_finds_its_word() -> None:
    assert Query(term_weights("เมืองหลวง")).hits(WORD.findall("อยู่ในเมืองหลวงเก่า"))


def test_a_name_is_no_form_of_another_with_more_digits() -> None:
    query = Query(term_weights("room217"))
    assert query.hits(["room217"]) == {"room217": 1.0}
    assert not query.hits(["room21"])
    assert not query.hits(["room2"])


@pytest.mark.parametrize(
    ("question", "weights"),
    [
        ("What is the system?", {"what": 0.1, "is": 0.1, "the": 0.1, "system": 0.3}),
        ("Кто построил башню?", {"кто": 0.1, "постро": 1.0, "башню": 1.0}),
        ("人工智能是什么", {"人工": 1.0, "工智": 1.0, "智能": 1.0, "能是": 0.3, "是什": 0.1, "什么": 0.1}),
        ("a 7", {"7": 1.0}),
    ],
)
def test_how_much_a_term_counts(question: str, weights: dict[str, float]) -> None:
    assert term_weights(question) == weights


@pytest.mark.parametrize(
    ("question", "expected"),
    [("What is the system?", ["system"]), ("Who is the first one of them?", ["first", "one", "them"]), ("什么是", [])],
)
def test_a_question_without_topic_words_is_about_its_other_words(question: str, expected: list[str]) -> None:
    assert content_terms(question) == expected


def test_lists_are_words_of_one_script_each() -> None:
    assert len(LISTED_WORDS) == 58
    for language, words in LISTED_WORDS.items():
        assert all(WORD.fullmatch(word) for word in words - QUESTION_WORDS.get(language, frozenset()))
        assert len({script_of(word) for word in words} - {"kana", "han"}) <= 1
    assert function_words.weight("tower") == 1
    assert function_words.weight("quién") == QUESTION_WEIGHT
    assert function_words.weight("great") == LISTED_WEIGHT


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_question_is_foreign_to_all_languages_but_its_own(language: str) -> None:
    for other, text in TEXTS.items():
        assert is_foreign(QUESTIONS[language], [text, text]) is (language != other), other


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Qual é a altura?", TEXTS["es"]),
        ("¿Cuál es la altura?", "A velha torre de água fica à beira da cidade e não foi terminada no verão de 1906."),
        ("Nennen Sie eine der Ursachen für Immunschwäche.", TEXTS["en"]),
        ("Wie heißt der Turm?", TEXTS["fr"]),
        ("Яка висота?", TEXTS["ru"]),
        ("Какая высота?", TEXTS["uk"]),
    ],
)
def test_three_words_and_languages_that_resemble_each_other(question: str, text: str) -> None:
    assert is_foreign(question, [text])


def test_half_of_the_sources_decide() -> None:
    own, other = TEXTS["zh"], TEXTS["en"]
    assert is_foreign(QUESTIONS["zh"], [own, other])
    assert not is_foreign(QUESTIONS["zh"], [own, own, other]), "a page may have a part in English"


def test_a_brand_in_a_question_is_not_its_script() -> None:
    assert not is_foreign("Docker怎么安装", [TEXTS["zh"]])


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("", TEXTS["en"]),
        ("1906?", TEXTS["en"]),
        ("Wasserturm", ""),
        ("Kubernetes Ingress", TEXTS["de"]),
        ("Wann wurde der Turm gebaut?", "| 1906 | 61 m |"),
        ("В каком году вышла The Last of Us?", TEXTS["ru"]),
        ("Wann erschien The Lord of the Rings?", TEXTS["de"]),
        ("東京人口", TEXTS["ja"]),
    ],
)
def test_in_doubt_a_question_is_not_foreign(question: str, source: str) -> None:
    assert not is_foreign(question, [source])


def test_languages_that_resemble_each_other_are_both_likely() -> None:
    assert languages_of("Det er en bok som er på bordet, og det var en gang.") >= {"no", "da"}
    assert not languages_of("Wasserturm 1906")


def test_japanese_is_no_chinese() -> None:
    assert (script_of(TEXTS["ja"]), script_of(TEXTS["zh"]), script_of("61 %")) == ("kana", "han", "")


@given(st.text(), st.lists(st.text(), max_size=4))
def test_any_text_has_an_answer(question: str, sources: list[str]) -> None:
    assert is_foreign(question, sources) in (True, False)
    assert all(0 < weight <= 1 for weight in term_weights(question).values())


@pytest.mark.parametrize("piece", ["的是这什", "ที่เป็น", "the tower ", "\u0301", "والב", "é1"])
def test_time_grows_with_the_text_only(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        start = time.process_time()
        term_weights(text)
        is_foreign(text, [text] * 8)
        return time.process_time() - start

    seconds(1000)
    assert seconds(64_000) < 64 * max(seconds(4000), 0.001)


def test_other_requests_run_meanwhile() -> None:
    pauses: list[None] = []
    is_foreign("What is it?", [TEXTS["en"]] * 60, lambda: pauses.append(None))
    assert pauses
