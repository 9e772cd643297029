"""Messages in a talk: what they lean on, which only thank, and which results are used for them."""

from __future__ import annotations

import pytest

from services.chat.rag.leaning import has_name, is_brief, leans, points_back
from services.chat.rag.lexicon import Lexicon, topical
from services.chat.rag.pipeline import pick_passages
from services.chat.rag.settings import RagSettings
from services.chat.rag.small_talk import asks_for_rewording, asks_nothing_new, is_acknowledgement
from services.chat.rag.sources import Source
from services.core.message import Messages, message

TALK: Messages = (
    message("user", "Can you recommend a good book for the summer?"),
    message("assistant", "A light novel or a travel memoir. Tell me which genres you like."),
)
ALPACAS: Messages = (
    message("user", "What is the difference between a llama and an alpaca?"),
    message("assistant", "Llamas are bigger and carry loads. Alpacas are kept for their soft fleece."),
)
TOWER = (
    "The water tower of Lindau was finished in 1906 and is 61 metres high.",
    "Visit the water tower in Lindau: the climb has 243 steps, and the view reaches the lake.",
    "Lindau restores its water tower; the roof from 1906 gets new copper.",
)
RUNNERS = (
    "How fast can they run? The quiz about ten Olympic sprinters and their records.",
    "Trains of this class run as fast as 300 km/h on the new line to Bordeaux.",
    "Why do noses run so fast in winter? A doctor explains mucus.",
)
LLAMAS = (
    "A llama reaches 56 km/h over a short distance, an alpaca about 48.",
    "Speed of the alpaca: herds in Peru flee from pumas at up to 48 km/h.",
    "Llama races are held in Ecuador; the children ride without saddles.",
)
TICKETS = (
    "A lottery ticket: is it expensive? Each line costs two euros in every shop.",
    "Why is a concert ticket expensive? Promoters blame the stadiums.",
    "Parking ticket too expensive? How drivers object to a fine.",
)
FORECASTS = (
    "Wetter heute: sonnig bei 21 Grad.",
    "Das Wetter am Wochenende bringt Regen.",
    "Wetterbericht und Aussichten der Woche.",
)
TICKETS_TO_ONE_PLACE = tuple(f"{text} Museum in Lindau." for text in TICKETS)


def used(question: str, texts: tuple[str, ...], history: Messages = TALK) -> bool:
    sources = [Source(str(number), "", f"https://e{number}.org", text) for number, text in enumerate(texts, 1)]
    return pick_passages(question, sources, history, 1400, RagSettings()).verdict.use


@pytest.mark.parametrize(
    ("question", "texts", "history", "expected"),
    [
        ("How high is the water tower of Lindau?", TOWER, TALK, True),
        ("What is its height?", TOWER, TALK, True),  # they agree, so a search found what they are about
        ("How fast can they run?", LLAMAS, ALPACAS, True),
        ("How fast can they run?", RUNNERS, ALPACAS, False),
        ("Why?", RUNNERS, ALPACAS, False),
        ("Why?", TOWER, ALPACAS, False),  # no search understands this
        ("Is the ticket expensive?", TICKETS, ALPACAS, True),  # brief, but each result has all of it
        ("Is the ladder fast?", RUNNERS, ALPACAS, False),  # brief, and the results have nothing in common
        ("wetter", FORECASTS, ALPACAS, True),
        ("Is the ticket expensive?", TICKETS_TO_ONE_PLACE, ALPACAS, True),
        ("precio del billete hoy", TICKETS[:1], ALPACAS, True),  # words say nothing of another language
    ],
)
def test_results_in_a_talk(question: str, texts: tuple[str, ...], history: Messages, expected: bool) -> None:
    assert used(question, texts, history) is expected


def test_in_much_text_a_few_words_of_a_long_talk_are_chance() -> None:
    words = "harbour bridge lantern copper violin orchard saddle glacier pepper candle ribbon anchor mirror basket"
    history = (message("user", f"Write about {words}."), message("assistant", "Gladly."))
    page = "The harbour has a bridge. " + "Nothing else is told here at all. " * 60
    assert not used("And what about it?", (page,), history)
    assert used("And what about it?", (f"{page} {words}.",), history)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("and in winter?", True),
        ("¿Y más corta?", True),
        ("Und bei Glas?", True),  # in German every noun has a capital
        ("Und bei 95 Grad?", False),
        ("那周末呢？", True),
        ("冬は？", True),
        ("والأرخص؟", True),
        ("А им сколько лет?", True),
        ("When was Lindau founded?", False),
        ("And when was Lindau founded?", False),
        ("What is immunodeficiency?", False),
        ("When did the composer finish his ninth symphony?", False),  # the message itself says whose
        ("best pizza dough recipe", False),
    ],
)
def test_leaning(message: str, expected: bool) -> None:
    assert leans(message) is expected


def test_signs_of_leaning() -> None:
    assert is_brief("is the ticket expensive?")
    assert not is_brief("is the ticket to Lindau expensive?")
    assert not is_brief("average lifespan of a guinea pig")
    assert has_name("the tower of Lindau")
    assert has_name("plan 9")
    assert not has_name("Lindau")
    assert not has_name("Wie hoch ist der Turm?")
    assert points_back("what about red ones")
    assert not points_back("tower height")


@pytest.mark.parametrize(
    "text",
    [
        "thank you so much",
        "yes please, go on",
        "got it, thanks",
        "vielen lieben Dank",
        "ach so, alles klar, danke dir",
        "muchísimas gracias, muy amable",
        "merci beaucoup, c'est très clair",
        "grazie mille, tutto chiaro",
        "muito obrigado, perfeito",
        "hartelijk bedankt, duidelijk",
        "большое спасибо, всё понятно",
        "çok teşekkür ederim, anladım",
        "شكرا جزيلا، فهمت",
        "बहुत धन्यवाद, समझ गया",
        "太谢谢你了，明白了",
        "どうもありがとう、わかりました",
        "정말 고마워요, 이해했어요",
        "dziękuję bardzo, rozumiem",
        "thank you very much for your help",
        "Vielen Dank für die Hilfe",
        "merci beaucoup pour votre aide",
        "top, bedankt voor je hulp",
        "спасибо за помощь",
        "yardımın için teşekkürler",
        "شكرا لك على المساعدة",
        "助けてくれてありがとう",
        "도와줘서 고마워요",
    ],
)
def test_thanks(text: str) -> None:
    assert is_acknowledgement(text)


@pytest.mark.parametrize(
    "text",
    [
        "can you say that in simpler words?",
        "Kannst du das einfacher formulieren?",
        "explícalo de forma más sencilla",
        "puoi riassumere in poche frasi?",
        "можешь попроще и покороче?",
        "换句话再说一遍",
    ],
)
def test_requests_for_other_words(text: str) -> None:
    assert asks_for_rewording(text)
    assert not is_acknowledgement(text)


@pytest.mark.parametrize(
    "text",
    [
        "Which is more important?",
        "How does it work?",
        "thanks, and who designed it?",
        "Hilfe bei der Steuer",
        "the answer to question four",
        "thanks, the answer in euros",
        "where is it on",
        "¿de qué va el segundo?",
        "quem era ela?",
        "moin moin woher kommt das",
        "どうやって行くの",
        "猫の毛も取れるかな",
        "哪个更好",
    ],
)
def test_questions_are_no_acknowledgements(text: str) -> None:
    assert not asks_nothing_new(text)


def test_a_list_of_words() -> None:
    words = Lexicon.of("thank* ok 谢谢 好")
    assert "thanks" in words
    assert "ok" in words
    assert "okay" not in words
    assert 7 not in words
    assert words.has_part_of("太谢谢了")
    assert not words.has_part_of("再见")
    assert words.without("好谢谢吗") == "  吗"


def test_what_carries_a_topic_in_scripts_without_blanks() -> None:
    assert topical("水塔") == ["水塔"]
    assert topical("的") == []
    assert topical("猫 の") == ["猫"], "in Japanese a single Chinese character is a word"
    assert topical("猫 的") == []
