"""Answer a chat page's request for search queries without a model.

Open WebUI asks for them before each web search, and the person waits. The question itself is the best query, except
where it leans on the talk ("And when was it built?"): then the names of the last question that stood on its own are
added, else its other words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set
from itertools import groupby
from operator import itemgetter

from services.chat.rag.answer_language import language_of
from services.chat.rag.leaning import points_back
from services.chat.rag.query import content_terms
from services.chat.rag.small_talk import asks_nothing_new
from services.chat.rag.words import WORD, starts_unspaced
from services.core.message import Messages

MAX_QUERY = 200
"""Characters of a query. Search engines ignore what is beyond some thirty words."""

MAX_HISTORY = 65_536
"""Characters of the quoted talk that are read, from its end."""

MAX_QUESTIONS = 8
"""Questions that are looked at: the last one, and those before it that it may lean on."""

MAX_QUESTION = 2000
"""Characters of each that are looked at, from its end: what is asked stands behind what was pasted."""

FEW_WORDS = 3
"""Content words below which a question leans on the talk, unless it names something."""

MANY_WORDS = 5
"""Content words from which a question stands on its own whatever pronoun it has: "while mowing her lawn"."""

MAX_ADDED = 6
"""Words that are added to a question."""

_PROMPT = re.compile(
    r"### Task:\n(?:Analyze the chat history to determine the necessity of generating search queries\b"
    r"|Write a web search for the last message of the chat\b)"
)
"""The beginning of Open WebUI's own prompt in its versions 0.6 to 0.12, and of the one in openwebui/service.yaml."""

_HISTORY, _HISTORY_END = "<chat_history>", "</chat_history>"
_ROLE = re.compile(r"^(USER|ASSISTANT|SYSTEM|TOOL): ", re.MULTILINE)
"""How a message begins in the quoted talk."""

_ASKING = re.compile(
    r"(?:(?:please|bitte|por favor|пожалуйста|(?:can|could) you|kannst du|puedes|peux-tu|можешь"
    r"|search(?: the web| the internet| online)? for|look up|google for"
    r"|suche?(?: mir)?(?: im internet| im netz| online)?(?: nach)?|busca(?: en internet| en la web)?"
    r"|cherche(?: sur internet| sur le web)?|(?:найди|поищи)(?: в интернете)?)[ ,:]{1,3}"
    r"|(?:请|請|帮我|搜索一下|搜索|搜一下|查一下)[ ,:\uff0c\uff1a]{0,3})",
    re.IGNORECASE,
)
"""What a person says to a page and not to a search engine."""

_SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f\u061f])")
_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
_BRACES = str.maketrans({"{": "\\u007b", "}": "\\u007d"})


def query_answer(messages: Messages) -> str | None:
    """Return the answer to a prompt for search queries, as JSON; None if `messages` are no such prompt."""
    asked = [each for each in messages if each.role != "system"]
    if len(asked) != 1 or asked[0].role != "user" or not (questions := _questions(asked[0].text)):
        return None
    # Open WebUI looks for the last brace of the answer, so the query has none.
    listed = ", ".join(json.dumps(query, ensure_ascii=False).translate(_BRACES) for query in _queries(questions))
    return f'{{"queries": [{listed}]}}'


def _questions(prompt: str) -> list[str]:
    """Return the person's last messages in the talk that a prompt for search queries quotes; none for other prompts."""
    start, end = prompt.find(_HISTORY), prompt.rfind(_HISTORY_END)
    if not _PROMPT.match(prompt) or not 0 <= start < end:
        return []
    parts = _ROLE.split(prompt[max(start + len(_HISTORY), end - MAX_HISTORY) : end])
    said = zip(parts[1::2], parts[2::2], strict=True)
    texts = [" ".join(text[-MAX_QUESTION:].split()) for role, text in said if role == "USER"]
    return list(filter(None, texts))[-MAX_QUESTIONS:]


def _queries(questions: Sequence[str]) -> list[str]:
    """Return the only query for the last question; none where nothing is to be searched."""
    *earlier, question = questions
    if earlier and asks_nothing_new(question):
        return []
    query = _shortened(_without_asking(question))
    added = _missing_words(query, earlier) if earlier and _leans(query) else []
    return [" ".join([query, *added])]


def _without_asking(question: str) -> str:
    """Return the question without "please", "search for" and the like at its beginning, unless nothing else is left."""
    rest = question
    while found := _ASKING.match(rest):
        rest = rest[found.end() :]
    return rest or question


def _shortened(text: str) -> str:
    """Return a text that is too long for a query as its last question, else as its beginning."""
    if len(text) <= MAX_QUERY:
        return text
    sentences = [sentence.strip() for sentence in _SENTENCE_END.split(text)]
    asked = [each for each in sentences if each.endswith(_QUESTION_MARKS) and len(each) <= MAX_QUERY]
    return asked[-1] if asked else text[:MAX_QUERY].rpartition(" ")[0] or text[:MAX_QUERY]


def _leans(question: str) -> bool:
    """Return whether a question cannot be searched without the talk before it."""
    words = _content_words(question)
    # A character of a script without blanks is about half a word.
    size = sum(len(word) / 2 if starts_unspaced(word) else 1 for word in words)
    if points_back(question):
        return size < MANY_WORDS
    # German has a capital letter in each noun.
    named = sum(_is_name(word, question) for word in words)
    return size < FEW_WORDS and named < (2 if language_of(question) == "de" else 1)


def _missing_words(question: str, earlier: Sequence[str]) -> list[str]:
    """Return the words that a question needs from those before it, as they were written."""
    asked = [text for text in earlier if not asks_nothing_new(text)] or earlier[:1]
    standing = next((text for text in reversed(asked[1:]) if not _leans(text)), asked[0])
    words = _content_words(standing)
    needed = [word for word in words if word[0].isupper()] or words
    # "And by whom?" asks about the question before it, too.
    if not content_terms(question) and asked[-1] is not standing:
        needed += _content_words(asked[-1])
    known = set(content_terms(question))
    return [word for word in dict.fromkeys(needed) if not known.issuperset(content_terms(word))][:MAX_ADDED]


def _content_words(text: str) -> list[str]:
    """Return the words of `text` that carry a topic, as they were written."""
    terms = frozenset(content_terms(text))
    words: list[str] = []
    for word in WORD.findall(text):
        if starts_unspaced(word):
            words += _pieces(word, terms)
        elif (_is_name(word, text) or not terms.isdisjoint(content_terms(word))) and not points_back(word):
            words.append(word)
    return words


def _is_name(word: str, text: str) -> bool:
    """Return whether a word has a capital letter inside of its text: also a function word of another language may."""
    return word[0].isupper() and len(word) > 1 and not text.startswith(word)


def _pieces(run: str, terms: Set[str]) -> list[str]:
    """Return the parts of `run`, in a script without blanks, that consist of `terms`."""
    covered = bytearray(len(run))
    for size in sorted({len(term) for term in terms if starts_unspaced(term)}):
        for start in range(len(run) - size + 1):
            if run[start : start + size] in terms:
                covered[start : start + size] = b"\1" * size
    groups = groupby(zip(run, covered, strict=True), key=itemgetter(1))
    return ["".join(char for char, _ in group) for is_covered, group in groups if is_covered]
