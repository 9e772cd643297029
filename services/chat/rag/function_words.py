"""List words that carry no topic: question words, pronouns, articles, auxiliaries.

Frequent words of the sources show by their own frequency. These words are frequent in questions and rare in texts.
"""

from __future__ import annotations

import re

from services.chat.rag.words import stem

_ASKING = """
what who whom whose which where when why how many much does did do is are was were be been has have had can could would
should will shall may might the a an of in on at to for from by with and or not as that this there please tell me about
i you we your my name explain describe list give show some any if then so also than into
was wer wen wem wessen welche welcher welches welchen welchem wo wann warum wieso weshalb wie viel viele ist sind war
waren wird wurde wurden hat haben hatte kann können könnte soll der die das den dem des ein eine einer eines einem einen
von vom zu zum zur im in am an auf aus bei mit nach über und oder nicht bitte mir ich du sie wir gibt es sich
qué quién quiénes cuál cuáles dónde cuándo cómo cuánto cuántos cuánta cuántas por qué es son fue fueron era ser está
están hay ha han tiene el la los las un una unos unas de del al en y o que se con para no su sus lo me
quel quelle quels quelles qui que quoi où quand comment combien pourquoi est sont était ont a été les le la des du un
une et ou dans sur avec pour par ce cette il elle je vous on se ne pas au aux
chi che cosa quale quali dove quando come quanto quanti perché è sono era ha hanno il lo gli i un uno una di del della
dei nel nella e o con per si
qual quais quem onde quando como quanto quantos porque são foi eram tem o os as um uma do da dos das em no na e ou com
wat wie welke waar wanneer waarom hoe hoeveel is zijn werd de het een van en of in op met voor niet
vad vem vilken vilket vilka var när varför hur många är den det ett och eller av på med för hvad hvem hvor hvornår
co kto kogo który która które jaki jaka jakie gdzie kiedy dlaczego jak ile jest są był była było w z na do i lub się
kdo kde kdy proč jaký která kolik je jsou byl ve a na
ki mi mit hol mikor miért hogyan hány melyik milyen van volt a az egy és
cine ce care unde când cum cât câți este sunt a fost de la în și sau cu
mikä mitä kuka missä milloin miksi miten kuinka monta on oli ja tai
что кто кого кому чем какой какая какое какие каких где когда почему зачем как сколько чей был была было были есть
является ли в на с по из от для и или не это о об у к за
що хто який яка яке які де коли чому як скільки є був була було в на з
ne kim kimin hangi hangisi nerede nereye nereden neden niçin nasıl kaç kadar mi mı mu mü ve veya ile bir bu için nedir
kimdir olan olarak da de
τι ποιος ποια ποιο ποιοι ποιες πού που πότε γιατί πώς πόσο πόσα πόσοι είναι ήταν ο η το οι τα του της των στο στη και
ما ماذا من متى أين اين كيف كم لماذا هل أي اي التي الذي هو هي كان كانت في على إلى عن مع و أو
מה מי איפה מתי למה איך כמה האם של את על הוא היא
क्या कौन किस किसने किसे कब कहाँ कहां क्यों कैसे कितने कितना कितनी कौनसा है हैं था थे थी का के की में से को ने पर और
या एक यह वह लिए हुआ
gì ai nào đâu khi sao thế bao nhiêu là của và có được trong những các một cho
apa siapa mana kapan mengapa bagaimana berapa adalah di ke dari yang dan atau
무엇 누구 언제 어디 왜 어떻게 몇 얼마나 무엇인가 어떤 누가
"""

STEMS = frozenset(map(stem, _ASKING.split()))
"""Stems of these words in scripts with blanks between words."""

UNSPACED = re.compile(
    "什么|甚麼|什麼|怎么样|怎麼樣|怎么|怎麼|为什么|為什麼|如何|多少|哪里|哪裡|哪儿|哪些|哪个|哪一|哪位|哪|谁|誰|几|是否|请问|請問|是|的|了|吗|嗎|呢|吧|"
    "ですか|ますか|でしょうか|何ですか|どのように|どこ|いつ|なぜ|どう|どの|誰|何|です|ます|した|する|は|が|を|に|の|へ|と|も|"
    "อะไร|ใคร|ที่ไหน|เมื่อไร|ทำไม|อย่างไร|เท่าไร|เท่าใด|กี่|คือ|เป็น|ของ|และ|ที่"
)
"""The same for scripts without blanks. A question is cut at these words before its pairs of characters are compared."""
