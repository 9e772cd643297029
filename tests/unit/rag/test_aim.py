"""What a question about a document is after: a passage, the whole, or both."""

from __future__ import annotations

from itertools import chain

import pytest

from services.chat.rag.aim import FACTS, FILLERS, MIXED, TASKS, TEXTS, TOPICS, looked_up, share_of_whole
from services.chat.rag.small_talk import is_acknowledgement


@pytest.mark.parametrize(
    "question",
    [
        "Summarize this",
        "tl;dr pls",
        "hey, could you translate the attached file into French for me?",
        "Kannst du mir das kurz zusammenfassen?",
        "İngilizceye çevirir misin?",
        "¿De qué va esto?",
        "c'est quoi ce document",
        "о чём это?",
        "من فضلك لخص لي هذا الملف",
        "麻烦帮我概括一下主要内容",
        "要約してもらえますか",
        "इसका सारांश बताओ",
        "요약해줘",
        "เอกสารนี้เกี่ยวกับอะไร",
        "סכם את המסמך הזה",
        "על מה המסמך?",
        "Κάνε μια περίληψη του κειμένου",
        "این متن درباره چیست؟",
        "Tiivistä tämä asiakirja",
        "Miről szól ez a szöveg?",
        "Despre ce este vorba în text?",
        "Podsumuj w trzech zdaniach",
    ],
)
def test_a_question_of_words_about_texts_is_after_the_whole(question: str) -> None:
    assert share_of_whole(question) == 1
    assert not is_acknowledgement(question)


@pytest.mark.parametrize(
    "question",
    ["What does she pay for the harbour?", "Explain the main sail", "船长住在哪里", "Wie heißt der Kapitän?"],
)
def test_a_question_with_words_of_its_own_is_after_a_passage(question: str) -> None:
    assert share_of_whole(question) == 0


@pytest.mark.parametrize(
    "question",
    ["Summarize what the captain did", "Who translated the book?", "Kitabı kim çevirdi?", "किताब का अनुवाद किसने किया?"],
)
def test_a_question_with_a_task_may_be_after_both(question: str) -> None:
    assert share_of_whole(question) == MIXED


def test_what_asks_for_a_detail_is_not_after_the_whole() -> None:
    assert share_of_whole("How many mistakes did the captain make?") == 0


def test_in_a_talk_only_a_task_is_after_the_whole() -> None:
    assert share_of_whole("And what else?", leans=True) == 0
    assert share_of_whole("And what is it about?", leans=True) == 1


def test_the_lists_have_no_word_that_stands_in_no_question() -> None:
    """A word with a blank, a sign or a capital in it is never found."""
    words = chain.from_iterable((*each.words, *each.beginnings) for each in (TASKS, TOPICS, TEXTS, FILLERS, FACTS))
    assert [word for word in words if word != word.lower()] == []
    assert list(looked_up("harbour resumen")) == ["harbour"]
