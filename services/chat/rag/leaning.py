"""Tell whether a message leans on the talk before it: whether it can be understood without the earlier messages."""

from __future__ import annotations

import re
import string

from services.chat.rag.function_words import QUESTION_WEIGHT, weight
from services.chat.rag.language import is_german
from services.chat.rag.query import term_weights
from services.chat.rag.words import MARKS, WORD, starts_unspaced

_POINTING = frozenset(
    """it its they them their theirs that this those these he she his her him there then one ones others other else same former
latter er ihn ihm ihr ihre ihrer ihrem ihren seine seiner seinem seinen sein dort dorthin davon damit dazu darüber deren dessen diese
dieser dieses diesen diesem él ella ellos ellas eso esto ese esa esos esas este esta allí ahí suyo le les il ils elle elles lui leur
leurs son sa ses ça cela celui celle ceux celles y lui lei loro questo questa quello quella suo sua ele ela eles elas isso isto
esse essa seu sua hij zij ze hun haar zijn daar deze die dit он она оно они его её ее их ему ей им нём нем нею неё них ними там туда этого этой этом этим этот эта это эти тот там
o onu onun onlar onların bu bunu bunun buna bundan bunda ona ondan onda onlara onları şu şunu orada oraya öyle böyle هو هي هم هذا هذه ذلك تلك هناك فيه فيها منه منها عنه عنها له لها لهم عليه عليها به بها معه معها वह वे यह ये वो उसे उसको उसमें उससे उन्हें इसे इसको इसमें इससे इनका उनका उसका उसकी उनके इसका इसकी वहाँ
그 그것 그는 그녀 거기 이것""".split()
)
_ADDING = frozenset(
    "also too either auch también tampoco aussi anche também ook też także также тоже також أيضا أيضًا ايضا भी".split()
)
"""Words that add to something said before."""
_AMBIGUOUS = frozenset("es la lo die sie das der o y le les ihr sein zijn haar that one former son".split())
"""Words of `_POINTING` that are left out, since they are as often something else as a pronoun that points back."""
_POINTING_UNSPACED = re.compile(
    "它|他|她|那里|那裡|那儿|这里|这个|这些|那个|那些|這個|那個|其中|后者|前者|後者|第[一二三四][个個种種]"
    "|それ|これ|あれ|その|彼|彼女|そこ|前者|後者"
)
_LEADING = re.compile(
    r"(?:and|but|or|also|what about|how about|what if|und|aber|auch|oder|was ist mit|wie sieht es mit|y|pero|et|mais|e|ma|mas|en"
    r"|maar|и|а|но|або|але|i|ale|ve|ama|peki|ya|dan|kalau|còn|و|طيب|طب|لكن|और|तो|אז)\b"
    r"|و(?=ال|[إا]ذا|لو|كم|متى|[أا]ين|كيف|لماذا|ليه|مين|هل)"
    r"|那|再|还有|那么|では|じゃあ|でも|그럼|그러면|그리고|แล้ว",
    re.I,
)
"""What a message begins with that goes on with the talk."""
_ELLIPTIC_END = re.compile("(?:呢|は|는|은)$")
"""What a question ends with that only names something else than the one before: "and red ones?"."""

_BACK = (_POINTING - _AMBIGUOUS) | _ADDING

ANTECEDENT = 2
"""Words with a topic after which a pronoun means one of them, as in "when did Kant write his first book?"."""

MANY = 5
"""Words with a topic from which a message says itself what it is about, whatever pronoun it has."""

BRIEF = 2
"""Words with a topic up to which a message may lean on the talk without a sign of it: "is the ticket expensive?"."""

SPECIFIC = 10
"""Letters from which the only word with a topic in a question says enough: "what is immunodeficiency?"."""

PAIRS_PER_WORD = 2
"""Pairs of characters that count as one word in scripts without blanks."""

_WORD = re.compile(rf"(?:[^\W_][{MARKS}]*)+")


def leans(message: str) -> bool:
    """Return whether a message in a talk says too little to be understood without the earlier messages.

    It has no word with a topic, or few beside a pronoun, or a short one in a question, and no name.
    """
    weights = term_weights(message)
    words = _count_words(weights)
    if not words:
        return True
    few = words < MANY and points_back(message)
    one = list(weights.values()).count(1) == 1 and QUESTION_WEIGHT in weights.values()
    # A pronoun beside a name seldom means anything else.
    return (few or (one and not _has_specific_word(message))) and not has_name(message)


def is_brief(message: str) -> bool:
    """Return whether a message has so few words with a topic, and no name, that it may lean on the talk unseen."""
    few = _count_words(term_weights(message)) <= BRIEF
    return few and not _has_specific_word(message) and not has_name(message)


def _count_words(weights: dict[str, float]) -> float:
    """Return the number of words with a topic."""
    return sum(1 / PAIRS_PER_WORD if starts_unspaced(term) else 1 for term, weight in weights.items() if weight == 1)


def _has_specific_word(message: str) -> bool:
    return any(len(word) >= SPECIFIC and weight(word) == 1 for word in _WORD.findall(message.lower()))


def has_name(message: str) -> bool:
    """Return whether a word with a topic, but the first of a sentence, has a capital, or any word has a digit.

    German writes every noun with a capital, so there a capital is no name.
    """
    nouns = is_german(message)
    for found in WORD.finditer(message):
        word, before = found.group(), message[: found.start()].rstrip()
        inside = before and before[-1] not in ".?!:\u2026"
        capital = inside and not nouns and word[0].isupper()
        if any(map(str.isdigit, word)) or (capital and weight(word.lower()) == 1):
            return True
    return False


def points_back(message: str) -> bool:
    """Return whether the words of a message show that it cannot be understood without the earlier messages."""
    text = message.casefold().strip(f" {string.punctuation}¿¡？。！…،؟")
    continues = _LEADING.match(text) or _ELLIPTIC_END.search(text) or _POINTING_UNSPACED.search(message)
    return bool(continues) or _has_pronoun(text)


def _has_pronoun(text: str) -> bool:
    """Return whether a word that points back comes before what it may mean in `text` itself."""
    named = 0
    for word in _WORD.findall(text):
        if word in _BACK:
            return True
        named += weight(word) == 1
        if named >= ANTECEDENT:
            return False
    return False
