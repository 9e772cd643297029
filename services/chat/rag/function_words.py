"""List words that carry little topic, in 58 languages, and say how much a word of a question counts.

The lists of all languages are used at once: one language alone separates relevant from random sources no better, and a
short question does not always tell its language (docs/rag.md).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from services.chat.rag.words import fold, starts_unspaced

QUESTION_WEIGHT = 0.1
"""What a word counts that asks or only joins words: what, is, the. Such words are frequent in questions."""

LISTED_WEIGHT = 0.3
"""What any other listed word counts. The lists contain words such as "system" and "great", which may be the topic."""

_QUESTION_WORDS = """
en: what who whom whose which where when why how many much does did do is are was were be been has have had can could would
  should will shall may might the a an of in on at to for from by with and or not as that this there please tell me about
  i you we your my name explain describe list give show some any if then so also than into
de: was wer wen wem wessen welche welcher welches welchen welchem wo wann warum wieso weshalb wie viel viele ist sind war
  waren wird wurde wurden hat haben hatte kann können könnte soll der die das den dem des ein eine einer eines einem einen
  von vom zu zum zur im in am an auf aus bei mit nach über und oder nicht bitte mir ich du sie wir gibt es sich
es: qué quién quiénes cuál cuáles dónde cuándo cómo cuánto cuántos cuánta cuántas por qué es son fue fueron era ser está
  están hay ha han tiene el la los las un una unos unas de del al en y o que se con para no su sus lo me
fr: quel quelle quels quelles qui que quoi où quand comment combien pourquoi est sont était ont a été les le la des du un
  une et ou dans sur avec pour par ce cette il elle je vous on se ne pas au aux
it: chi che cosa quale quali dove quando come quanto quanti perché è sono era ha hanno il lo gli i un uno una di del della
  dei nel nella e o con per si
pt: qual quais quem onde quando como quanto quantos porque são foi eram tem o os as um uma do da dos das em no na e ou com
nl: wat wie welke waar wanneer waarom hoe hoeveel is zijn werd de het een van en of in op met voor niet
sv da no: vad vem vilken vilket vilka var när varför hur många är den det ett och eller av på med för hvad hvem hvor hvornår
  hva hvilken hvilket hvilke hvordan hvorfor hvorfra når
pl: co kto kogo który która które jaki jaka jakie gdzie kiedy dlaczego jak ile jest są był była było w z na do i lub się
cs: kdo kde kdy proč jaký která kolik je jsou byl ve a na
hu: ki mi mit hol mikor miért hogyan hány melyik milyen van volt a az egy és
ro: cine ce care unde când cum cât câți este sunt a fost de la în și sau cu
fi: mikä mitä kuka missä milloin miksi miten kuinka monta on oli ja tai
ru: что кто кого кому чем какой какая какое какие каких где когда почему зачем как сколько чей был была было были есть
  является ли в на с по из от для и или не это о об у к за
uk: що хто який яка яке які де коли чому як скільки є був була було в на з
tr: ne kim kimin hangi hangisi nerede nereye nereden neden niçin nasıl kaç kadar mi mı mu mü ve veya ile bir bu için nedir
  kimdir olan olarak da de
el: τι ποιος ποια ποιο ποιοι ποιες πού που πότε γιατί πώς πόσο πόσα πόσοι είναι ήταν ο η το οι τα του της των στο στη και
ar: ما ماذا من متى أين اين كيف كم لماذا هل أي اي التي الذي هو هي كان كانت في على إلى عن مع و أو
he: מה מי איפה מתי למה איך כמה האם של את על הוא היא
hi: क्या कौन किस किसने किसे कब कहाँ कहां क्यों कैसे कितने कितना कितनी कौनसा है हैं था थे थी का के की में से को ने पर और
  या एक यह वह लिए हुआ
vi: gì ai nào đâu khi sao thế bao nhiêu là của và có được trong những các một cho
id: apa siapa mana kapan mengapa bagaimana berapa adalah di ke dari yang dan atau
ko: 무엇 누구 언제 어디 왜 어떻게 몇 얼마나 무엇인가 어떤 누가
zh: 什么 甚麼 什麼 怎么样 怎麼樣 怎么 怎麼 为什么 為什麼 如何 多少 哪里 哪裡 哪儿 哪些 哪个 哪一 哪位 哪 谁 誰 几 是否 请问 請問 是 的 了 吗 嗎 呢 吧
ja: ですか ますか でしょうか 何ですか どのように どこ いつ なぜ どう どの 誰 何 です ます した する は が を に の へ と も
th: อะไร ใคร ที่ไหน เมื่อไร ทำไม อย่างไร เท่าไร เท่าใด กี่ คือ เป็น ของ และ ที่
"""
"""Words of questions by language. A line without a language continues the one before."""


def _question_words() -> dict[str, frozenset[str]]:
    words: dict[str, set[str]] = {}
    languages: list[str] = []
    for line in _QUESTION_WORDS.strip().splitlines():
        names, colon, rest = line.partition(":")
        languages = names.split() if colon else languages
        for language in languages:
            words.setdefault(language, set()).update((rest if colon else line).split())
    return {language: frozenset(found) for language, found in words.items()}


def _listed_words() -> dict[str, frozenset[str]]:
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {language: frozenset(words) for language, *words in lines}


QUESTION_WORDS = _question_words()
"""Words that ask or only join words, by language (ISO 639-1)."""
LISTED_WORDS = {
    language: words | QUESTION_WORDS.get(language, frozenset()) for language, words in _listed_words().items()
}
"""Function words by language, with the question words."""


def _all_folded(lists: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset(fold(unicodedata.normalize("NFC", word)) for words in lists for word in words)


_QUESTION = _all_folded(QUESTION_WORDS.values())
_LISTED = _all_folded(LISTED_WORDS.values())
_LONGEST = max(len(word) for word in _LISTED if starts_unspaced(word))
"""Characters of the longest listed word in a script without blanks."""


def weight(word: str) -> float:
    """Return how much a lower-case `word` counts, 0 to 1; it is in a script with blanks between words."""
    plain = fold(word)
    return QUESTION_WEIGHT if plain in _QUESTION else LISTED_WEIGHT if plain in _LISTED else 1.0


def character_weights(run: str) -> list[float]:
    """Return how much each character of `run` counts, 0 to 1; it is in a script without blanks between words."""
    weights = [1.0] * len(run)
    start = 0
    while start < len(run):
        longest = min(_LONGEST, len(run) - start)
        size = next((size for size in range(longest, 0, -1) if run[start : start + size] in _LISTED), 0)
        if size:
            weights[start : start + size] = [weight(run[start : start + size])] * size
        start += size or 1
    return weights
