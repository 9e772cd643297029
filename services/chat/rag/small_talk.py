"""Recognise messages that only acknowledge or ask to go on, and words that refer to earlier messages.

The lists are closed: a message that is not in them is a question, so no question is lost.
"""

from __future__ import annotations

import re
import unicodedata

from services.chat.rag.words import MARKS

_ACKNOWLEDGEMENTS = """
thanks|thank you|thank you very much|thanks a lot|thx|ty|ok|okay|ok thanks|okay got it|got it|i see|understood|alright|
great|cool|nice|perfect|good|yes|no|yep|nope|sure|hi|hello|hey|bye|goodbye|continue|go on|keep going|more|why|how so|
really|never mind|well done|good job|
danke|danke schön|vielen dank|danke dir|ok danke|alles klar|verstanden|in ordnung|gut|super|prima|klasse|toll|ja|nein|
hallo|tschüss|weiter|mach weiter|fahre fort|mehr|warum|wieso|genau|passt|stimmt|
gracias|muchas gracias|vale|entendido|de acuerdo|perfecto|genial|sí|no|hola|adiós|continúa|sigue|más|por qué|claro|bien|
merci|merci beaucoup|d accord|compris|parfait|super|oui|non|bonjour|salut|au revoir|continue|vas y|encore|pourquoi|
bien reçu|très bien|
grazie|grazie mille|va bene|capito|perfetto|sì|ciao|continua|vai avanti|ancora|perché|
obrigado|obrigada|muito obrigado|entendi|certo|perfeito|sim|não|olá|tchau|continue|continua|mais|por quê|
dank je|dank u|bedankt|begrepen|oké|prima|ja|nee|ga door|verder|meer|waarom|
tack|tack så mycket|okej|förstår|fortsätt|varför|takk|fortsett|tak|fortsæt|kiitos|selvä|jatka|miksi|
dziękuję|dzięki|rozumiem|jasne|kontynuuj|dalej|dlaczego|tak|nie|děkuji|díky|rozumím|pokračuj|proč|
köszönöm|értem|folytasd|miért|mulțumesc|am înțeles|continuă|de ce|ευχαριστώ|κατάλαβα|εντάξει|συνέχισε|γιατί|
спасибо|большое спасибо|ок|понятно|понял|поняла|ясно|хорошо|да|нет|привет|пока|продолжай|дальше|ещё|почему|отлично|
дякую|зрозуміло|добре|так|ні|продовжуй|далі|чому|
teşekkürler|teşekkür ederim|sağ ol|tamam|anladım|peki|evet|hayır|merhaba|devam|devam et|neden|harika|
شكرا|شكرا لك|شكرا جزيلا|حسنا|تمام|فهمت|نعم|لا|مرحبا|استمر|تابع|اكمل|لماذا|ممتاز|תודה|הבנתי|בסדר|המשך|למה|
धन्यवाद|शुक्रिया|ठीक है|समझ गया|समझ गई|हाँ|हां|नहीं|नमस्ते|जारी रखें|आगे|क्यों|अच्छा|
terima kasih|oke|baik|mengerti|lanjutkan|kenapa|cảm ơn|được rồi|hiểu rồi|tiếp tục|tại sao|ขอบคุณ|โอเค|เข้าใจแล้ว|ต่อ|ทำไม|
谢谢|谢谢你|多谢|感谢|好的|好|好吧|嗯|明白了|明白|知道了|懂了|了解|是的|对|不是|你好|再见|继续|接着说|还有呢|为什么|太好了|可以|行|
謝謝|多謝|好的|明白|知道了|繼續|為什麼|ありがとう|ありがとうございます|わかりました|分かりました|了解|はい|いいえ|続けて|続き|なぜ|
감사합니다|고마워|고맙습니다|알겠습니다|알겠어|네|아니요|계속|계속해|왜|좋아
"""

_REWORKING = """
(explain|rewrite|rephrase|repeat|shorten|shorter|summari[sz]e|translate|simplif\\w+|elaborate|simpler|bullet)
|(erkl[äa]r\\w*|umformulier\\w*|wiederhol\\w*|k[üu]rzer|zusammenfass\\w*|übersetz\\w*|einfacher|ausführlicher|stichpunkte?n?)
|(expl[ií]c\\w+|reescrib\\w*|escríbelo|repite|resume|resúme\\w*|tradu\\w+|corto|sencillo|viñetas)
|(r[ée]expliqu\\w*|expliqu\\w*|réécri\\w*|répète|résume\\w*|tradui\\w*|court|simplifie\\w*|puces)
|(spieg\\w+|riscriv\\w*|ripeti|riassum\\w*|reescrev\\w*|resum\\w+|herhaal|herschrijf|vertaal|samenvat\\w*)
|(объясни\\w*|перепиши\\w*|повтори\\w*|короче|кратко|переведи\\w*|açıkla\\w*|tekrarla\\w*|kısalt\\w*|özetle\\w*|çevir\\w*)
|(اشرح\\w*|أعد|لخص\\w*|ترجم\\w*|اختصر\\w*|समझाओ|समझाइए|दोहराओ|संक्षेप|अनुवाद)
"""

_BACK = """
again once more another way differently that this it bullet points please can could you me make as to in into and the a
nochmal noch mal einmal anders das dies es bitte kannst du könntest mir als mach in und den die
otra vez de nuevo otro modo eso esto lo por favor puedes más hazlo en y el
encore une fois à nouveau autrement ça ce cela peux tu fais plus en liste s il te plaît le la
di nuovo ancora questo quello puoi più per favore novamente isso isto pode mais opnieuw nog eens dat dit kun je korter
ещё еще раз это пожалуйста можешь покороче bir daha tekrar bunu şunu lütfen daha kısa مرة أخرى هذا ذلك من فضلك फिर से इसे यह कृपया
""".split()

_REWORKING_UNSPACED = re.compile(
    r"^(请|請|能|能不能|可以|麻烦|麻煩|再|用|把|这个|這個|它|一下|一遍|一次|要点|要點|简短|簡短|一点|一點|简单|简洁|解释|解釋|"
    r"重写|重寫|改写|总结|總結|翻译|翻譯|重复|说|說|吗|嗎|成|英文|中文|もう一度|もっと|短く|簡単に|説明して|要約して|翻訳して|ください|"
    r"다시|한번|설명해|짧게|요약해|번역해|주세요|줘|\s)+$"
)

_POINTING = frozenset(
    """it its they them their theirs that this those these he she his her him there then one ones others other else same former
latter er ihn ihm ihr ihre ihrer ihrem ihren seine seiner seinem seinen sein dort dorthin davon damit dazu darüber deren dessen diese
dieser dieses diesen diesem él ella ellos ellas eso esto ese esa esos esas este esta allí ahí suyo le les il ils elle elles lui leur
leurs son sa ses ça cela celui celle ceux celles y lui lei loro questo questa quello quella suo sua ele ela eles elas isso isto
esse essa seu sua hij zij ze hun haar zijn daar deze die dit он она оно они его её ее их ему ей им этот эта это эти тот там
o onu onun onlar onların bu bunu bunun şu orada هو هي هم هذا هذه ذلك تلك هناك वह वे यह ये उसका उसकी उनके इसका इसकी वहाँ
그 그것 그는 그녀 거기 이것""".split()
)
_AMBIGUOUS = frozenset("es la lo die sie das der o y le les ihr sein zijn haar".split())
"""Words of `_POINTING` that are left out, since they are as often an article or a verb as a pronoun."""
_POINTING_UNSPACED = re.compile(
    "它|他|她|那里|那裡|那儿|这里|这个|这些|那个|那些|這個|那個|其中|それ|これ|あれ|彼|彼女|そこ"
)
_LEADING = re.compile(
    r"(?:and|what about|how about|but what|und|was ist mit|wie sieht es mit|y|et|e|en|и|а|ve|peki|و|और)\b"
    r"|那|では|じゃあ|그럼",
    re.I,
)

_WORD = re.compile(rf"(?:[^\W_][{MARKS}]*)+")
_PHRASES = frozenset(
    " ".join(phrase.split()) for phrase in unicodedata.normalize("NFC", _ACKNOWLEDGEMENTS).replace("\n", "").split("|")
)
_REWORK = re.compile("|".join(f"(?:{line.strip().lstrip('|')})" for line in _REWORKING.strip().splitlines()))


def is_acknowledgement(message: str) -> bool:
    """Return whether a message only thanks, agrees, or asks to go on or to say the same in other words."""
    # A longer message surely says something more, whatever words it begins with.
    if len(message) > 80:
        return False
    plain = unicodedata.normalize("NFC", message).casefold()
    words = _WORD.findall(plain)
    if not words or " ".join(words) in _PHRASES:
        return True
    if _REWORKING_UNSPACED.match(re.sub(r"[^\w\s]", "", plain)):
        return True
    reworks = [bool(_REWORK.fullmatch(word)) for word in words]
    return any(reworks) and all(work or word in _BACK for word, work in zip(words, reworks, strict=True))


def points_back(message: str) -> bool:
    """Return whether the words of a message show that it cannot be understood without the earlier messages."""
    words = set(_WORD.findall(message.casefold()))
    return bool(
        words & (_POINTING - _AMBIGUOUS) or _LEADING.match(message.strip()) or _POINTING_UNSPACED.search(message)
    )
