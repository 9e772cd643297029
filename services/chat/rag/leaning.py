"""Tell whether a message leans on the talk before it: whether it can be understood without the earlier messages."""

from __future__ import annotations

import re

from services.chat.rag.function_words import QUESTION_WEIGHT, weight
from services.chat.rag.query import term_weights
from services.chat.rag.words import MARKS, WORD, starts_unspaced

_POINTING = frozenset(
    """it its they them their theirs that this those these he she his her him there then one ones others other else same former
latter er ihn ihm ihr ihre ihrer ihrem ihren seine seiner seinem seinen sein dort dorthin davon damit dazu darüber deren dessen diese
dieser dieses diesen diesem él ella ellos ellas eso esto ese esa esos esas este esta allí ahí suyo le les il ils elle elles lui leur
leurs son sa ses ça cela celui celle ceux celles y lui lei loro questo questa quello quella suo sua ele ela eles elas isso isto
esse essa seu sua hij zij ze hun haar zijn daar deze die dit он она оно они его её ее их ему ей им этот эта это эти тот там
o onu onun onlar onların bu bunu bunun şu orada هو هي هم هذا هذه ذلك تلك هناك वह वे यह ये उसका उसकी उनके इसका इसकी वहाँ
그 그것 그는 그녀 거기 이것""".split()
)
_AMBIGUOUS = frozenset("es la lo die sie das der o y le les ihr sein zijn haar that one former son".split())
"""Words of `_POINTING` that are left out, since they are as often something else as a pronoun that points back."""
_POINTING_UNSPACED = re.compile(
    "它|他|她|那里|那裡|那儿|这里|这个|这些|那个|那些|這個|那個|其中|それ|これ|あれ|彼|彼女|そこ"
)
_LEADING = re.compile(
    r"(?:and|what about|how about|but what|und|was ist mit|wie sieht es mit|y|et|e|en|и|а|ve|peki|و|और)\b"
    r"|那|では|じゃあ|그럼",
    re.I,
)

MANY = 5
"""Words with a topic from which a message says itself what it is about, whatever pronoun it has."""

PAIRS_PER_WORD = 2
"""Pairs of characters that count as one word in scripts without blanks."""

_WORD = re.compile(rf"(?:[^\W_][{MARKS}]*)+")


def leans(message: str) -> bool:
    """Return whether a message in a talk says too little to be understood without the earlier messages.

    It has no word with a topic, or few, or one in a question, and no name.
    """
    weights = term_weights(message)
    topical = [term for term, weight in weights.items() if weight == 1]
    words = sum(1 / PAIRS_PER_WORD if starts_unspaced(term) else 1 for term in topical)
    if not words:
        return True
    # A pronoun beside a name seldom means anything else.
    few = words < MANY and points_back(message)
    return (few or (words <= 1 and QUESTION_WEIGHT in weights.values())) and not has_name(message)


def has_name(message: str) -> bool:
    """Return whether a word with a topic, but the first of a sentence, has a capital, or any word has a digit."""
    for found in WORD.finditer(message):
        word, before = found.group(), message[: found.start()].rstrip()
        inside = before and before[-1] not in ".?!:\u2026"
        if any(map(str.isdigit, word)) or (inside and word[0].isupper() and weight(word.lower()) == 1):
            return True
    return False


def points_back(message: str) -> bool:
    """Return whether the words of a message show that it cannot be understood without the earlier messages."""
    words = set(_WORD.findall(message.casefold()))
    return bool(
        words & (_POINTING - _AMBIGUOUS) or _LEADING.match(message.strip()) or _POINTING_UNSPACED.search(message)
    )
