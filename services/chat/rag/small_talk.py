"""Recognise messages in a talk that only thank, agree, greet, or ask to go on or to say the same in other words.

A message is one if it has a word for that, and no other word that carries a topic. So a question is never taken for one
by its first words ("thanks, and who designed it?").
"""

from __future__ import annotations

from services.chat.rag.function_words import weight
from services.chat.rag.lexicon import Lexicon, topical
from services.chat.rag.words import WORD, starts_unspaced

LONGEST = 80
"""Characters from which a message surely says something more."""

_ACKNOWLEDGING = """
thank* thx ty tysm tks cheers ok okay okey okie kk k alright fine great cool nice perfect good awesome amazing
wonderful excellent lovely
super brilliant fantastic helpful understood got gotcha see sense clear makes agree* agreed sure yes yeah yep yup ya
no nope nah true right exactly
correct indeed haha* hehe* lol lmao wow oh ah aha hm hmm huh hi hello hey hiya bye goodbye cya later maybe never mind
nevermind well done job
work welcome sorry please pls plz interesting appreciate* lifesaver morning evening night needed know knew noted
absolutely definitely totally
continu* go on keep going more ahead next again
try* tonight tomorrow looking stop
probier* versuch* heute brauchte gesucht suchte wusste recht schieß leg danke* dank vielen herzlichen lieb* merci*
okay ok oki alles klar verstand* versteh* ordnung gut super prima klasse toll perfekt genial cool
wunderbar spitze stark hilfreich geholfen ja jap jep jo joa nein nee nö stimmt richtig genau klar logisch macht sinn
passt echt krass wow ach ach so achso aha hallo hi hey
moin servus guten morgen abend tag tschüss tschau ciao bis später bitte gerne weiter* mach fahre fahr fort mehr
haha* hihi gemerkt interessant wusste schön
gracias muchas muchísimas mil vale ok okey entendid* acuerdo perfect* genial sí si no hola buenas buenos días tardes
noches adiós chao hasta luego claro bien
excelente estupendo fantástico buenísimo guay bueno qué listo dale venga exacto cierto razón sentido veo jaja* jeje*
guau wow ah oh gracia amable ayuda
útil interesante continúa continua sigue siga adelante más cuéntame favor porfa porfi
buscaba necesitaba justo sabía pruebo probaré mañana leo pues entendí nada
merci beaucoup mille ok okay accord compris entendu parfait super génial top cool bien très oui ouais non nan bonjour
bonsoir salut coucou revoir bientôt
bonne soirée journée nuit excellent formidable exact exactement vrai clair logique sens vois haha* mdr wow ah oh
gentil utile intéressant continue*
noté cherchais fallait raison savais essayer essaie demain soir voilà savoir ensuite désolé désolée waouh ouah accord
vas-y vas allez plus suite plaît svp stp compris rien
cercavo serviva sapevo prov* domani stasera ragione dica niente serve figurati volentieri pure poi grazie mille tante
ok okay capito chiaro d'accordo accordo perfetto bene benissimo ottimo fantastico grande bravo sì si no ciao salve
buongiorno buonasera
arrivederci dopo esatto giusto vero senso vedo haha* ahah* wow ah oh gentile utile interessante continua vai avanti
ancora più altro dimmi
favore prego certo
obrigad* valeu brigad* ok tá beleza blz entendi* certo perfeito ótimo legal show bom boa bem sim não nao olá ola oi
tchau até logo mais dia tarde noite exato
verdade sentido vejo haha* kkk* rsrs* uau ah oh útil interessante continu* segue siga vai adiante conte favor pode
claro
era isso mesmo precisava precisa concordo nossa sabia testar vou amanhã hoje aí conta seguir manda pfv pff nada
maravilha
bedankt dank* ok oké okee prima goed top mooi leuk begrepen snap ja nee nope hoi hallo doei dag juist klopt precies
duidelijk logisch haha* wauw graag verder meer
tack tusen okej bra fint perfekt toppen ja nej hej hejdå precis förstår fortsätt mer igen takk ok greit fint ja nei
hei fortsett igjen mange tak okay fint nej fortsæt
kiitos selvä hyvä joo ei moi jatka lisää uudestaan
dzięk* dziękuj* ok okej dobra dobrze jasne super świetnie rozumiem tak nie cześć hej pa dokładnie racja sens haha*
dalej kontynuuj więcej jeszcze proszę
děkuj* díky dík ok jasně dobře super rozumím ano ne ahoj čau pokračuj dál víc znovu
köszön* kösz oké rendben jó szuper értem igen nem szia folytasd tovább még újra
mulțumesc* mersi ok bine perfect am înțeles da nu salut pa continuă mai mult
ευχαριστ* εντάξει οκ κατάλαβα τέλεια ωραία ναι όχι γεια συνέχισε κι άλλο ξανά
попробую завтра вечером искал* нужно прав права мог стой минутк* жду слушаю валяй спасиб* спс пасиб* благодар* ок окей
ладно хорошо понятно понял* ясно отлично супер класс круто здорово прекрасно замечательно шикарно да ага угу нет не
неа привет
здравствуй* пока добрый доброе день утро вечер до свидания точно верно правда согласен согласна логично смысл ого вау
ух ты аха* хаха* ахах* интересно полезно помог* знал*
продолжай* дальше давай пожалуйста плиз
дяку* спасибі ок добре зрозумі* ясно чудово супер так ні привіт бувай точно згоден згодна продовжуй далі ще
denerim deneyeceğim yarın aradığım lazım buydu bilmiyordum haklısın hadi buyur dinliyorum sonra teşekkür* sağ sağol*
sağolun eyvallah ok tamam tamamdır anladım anlaşıldı peki güzel süper harika mükemmel iyi evet hayır yok merhaba selam
günaydın görüşürüz hoşça
doğru aynen kesinlikle mantıklı haha* vay vallahi ilginç işime yaradı çok ederim devam et anlat daha lütfen olur
سأجرب بجرب غدا بكرة الليلة أبحث احتاج أحتاجه حق معك اعرف أعرف كنت تفضل هات ماشي خلاص يلا بعدين شكر* مشكور* تسلم*
يسلمو* تمام طيب حسنا حسنًا اوك أوك اوكي أوكي فهمت مفهوم واضح ممتاز رائع جميل حلو جيد نعم ايوه أيوه اي لا مرحبا اهلا
أهلا السلام عليكم وعليكم سلام مع السلامة صباح مساء
الخير النور صحيح صح فعلا بالضبط معقول منطقي ههه* واو جزيلا كتير كثيرا جدا استمر* تابع* كمل* اكمل* أكمل* زيدني المزيد
فضلك لو سمحت طبعا أكيد اكيد
धन्यवाद शुक्रिया थैंक्स थैंक्यू थैंक ओके ठीक अच्छा बढ़िया बहुत शानदार समझ गया गई आया आई हाँ हां हा जी नहीं नमस्ते
नमस्कार अलविदा सही बिल्कुल मज़ेदार मजेदार वाह हाहा* जारी रखें रखो रखिए आगे और बताओ बताइए
कृपया प्लीज़ प्लीज
बात चाहिए यही शुभ संध्या रात प्रभात सहमत हूँ रहने दो अरे पता था चलो कल करके देखती देखता देखूँगा ज़रूर जरूर सुनाइए
सुनाओ मिल dhanyavad shukriya theek accha achha haan nahi samajh
cảm cám ơn ok được rồi hiểu tốt tuyệt vâng dạ không chào tạm biệt tiếp tục nữa
terima kasih makasih oke ok baik siap mengerti paham bagus mantap keren ya iya tidak nggak halo hai lanjut* lagi
tolong
감사* 고마워* 고맙* 땡큐 ㅇㅋ ㅇㅇ 오케이 네 넵 예 응 아니요 아니 괜찮* 알겠* 알았* 이해* 좋아* 좋네* 좋습니다 최고* 완벽* 대박 그렇군* 그렇구나 맞아* 안녕* ㅋㅋ* ㅎㅎ* 계속* 더 주세요 줘
해줘
תודה* סבבה אוקיי אוקי בסדר הבנתי מעולה מצוין יופי כן לא שלום היי ביי נכון המשך תמשיך עוד
"""

_REWORDING = """
repeat* explain* rephras* reword* simpl* short* longer detail* elaborat* expand plain english bullet* points
words differently understand
sag* erzähl*
nochmal noch einmal nochmals wiederhol*
erklär* kürzer kurz einfacher ausführlicher genauer stichpunkt* stichwort* anders worte* umformulier*
otra vez repite repítelo explíca* explica* fácil sencillo corto resumido lista
decir* puedes ponlo pon forma palabras
redire redis dire peux pourrais forme liste mieux encore répète* réexpliqu* expliqu* simple* simplement court*
reformul* autrement puces
puoi potresti dire parole altre lista forma
ripeti* spieg*
semplice semplici corto breve elenco riformul*
repita* explic* simples fácil curto lista
podes poderia dá pra explicar fala falar outras palavras dizer tópicos faz faça resumo
opnieuw herhaal* uitleg* korter simpel* eenvoudig*
raz powtórz wyjaśnij krócej prościej
скажи можешь слов*
ещё еще расскаж* подробнее повтори* объясни* поясни* проще короче другими словами списком пункт*
повтори поясни простіше коротше
söyle* söyler misin kelimelerle şekilde madde* liste
biraz tekrar* açıkla* basit* kısa* özet*
قل قول ممكن بكلمات اخرى أخرى شكل نقاط قائمة
اعد أعد كرر* وضح* اشرح* ابسط أبسط بسط* اختصر*
फिर दोबारा दुबारा समझाओ समझाइए सरल आसान छोटा संक्षेप शब्दों
थोड़ा भाषा बोलो बोलिए लिखो लिख दूसरे कह सकते पॉइंट्स बिंदुओं
lại giải thích ngắn đơn giản
ulang* jelaskan singkat sederhana
다시 설명해* 짧게 쉽게 자세히 말해*
שוב הסבר
"""

_ACKNOWLEDGING_UNSPACED = """
谢谢 謝謝 多谢 多謝 感谢 感謝 谢啦 谢了 谢 好的 好吧 好啊 好呀 好嘞 好 行 可以 没问题 沒問題 没事 嗯嗯 嗯 哦 噢 喔 啊 呀 哈 嘿 哇 明白 知道 懂 了解 收到 清楚 是的 对的 对 對 没错 沒錯 不是 不用
不必 不 你好 您好 嗨 早上 晚上 早安 晚安 再见 再見 拜拜
太好 太棒 太 真的 真 棒 厉害 厲害 不错 不錯 完美 有道理 有意思 有用 有帮助 原来如此 原来 如此 明天 今晚 试试 試試 试 那 看 用 这样 這樣 同意 辛苦 麻烦 麻煩 请 請 您 你 我 了 的 吧 呢 啦 继续
繼續 接着 接著 往下 下去 还有 還有 然后 然後 更多 多 一点 一點 一些
听懂 没懂 帮 很 非常 大 就 先 到 这 這 那 里 样 想要 正是 所
明日 今夜 試して みます みる 探していた 欲しかった 知りませんでした 知らなかった その通り どうぞ 聞かせて ありがとうございます ありがとうございました ありがとう どうも サンキュー わかりました 分かりました わかった
分かった なるほど 了解です 了解 承知しました 承知 はい うん ええ いいえ いや 大丈夫 結構 です こんにちは こんばんは おはよう おやすみ さようなら またね
すごい すばらしい 素晴らしい いいね いい よかった 良かった 完璧 助かりました 助かる 助かった そうですね そうなんですね そうなんだ そう 確かに たしかに 面白い おもしろい へえ へー あ お ね よ な 笑 本当に
とても 続けて 続き もっと もう で に を ください 下さい お願いします お願い して くれる くれ それで は が と ま た
ขอบคุณ ขอบใจ โอเค ได้ ดี มาก เลย ครับ ค่ะ คะ นะ เข้าใจ แล้ว ใช่ ไม่ สวัสดี บาย ต่อ เลย กว่า ที หน่อย เพิ่ม
"""

_REWORDING_UNSPACED = """
重写 重寫 改写 改寫 总结 總結 翻译 翻譯 一下 英文 中文 要約して 翻訳して
列表 清单 写 給 给 换个 再 一遍 一次 重复 重複 解释 解釋 说明 說明 说 說 讲 講 简单 簡單 简短 簡短 短 详细 詳細
具体 具體 换 換 个 個 方式 说法 要点 要點 列成 列 条 通俗
リスト まとめて 書いて 言葉 他の
もう一度 もう少し 少し 詳しく 簡単に 短く わかりやすく 分かりやすく 別の 言い方 言って 説明して 教えて 箇条書き
อีก ครั้ง อธิบาย สั้น ง่าย
"""

_THANKS = Lexicon.of(_ACKNOWLEDGING, _ACKNOWLEDGING_UNSPACED)
_REWORDS = Lexicon.of(_REWORDING, _REWORDING_UNSPACED)


def is_acknowledgement(message: str) -> bool:
    """Return whether a message in a talk only thanks, agrees, declines, greets, or asks to go on."""
    return _consists_of(message, (_THANKS,), _THANKS)


def asks_nothing_new(message: str) -> bool:
    """Return whether a message in a talk is an acknowledgement, or only asks to say the same in other words."""
    return is_acknowledgement(message) or asks_for_rewording(message)


def asks_for_rewording(message: str) -> bool:
    """Return whether a message in a talk only asks to say the same in other words."""
    return _consists_of(message, (_THANKS, _REWORDS), _REWORDS)


def _consists_of(message: str, lists: tuple[Lexicon, ...], needed: Lexicon) -> bool:
    """Return whether a message has a word that is `needed`, and no word with a topic that is in none of the `lists`."""
    text = message.casefold()
    if len(text) > LONGEST:
        return False
    words = WORD.findall(text)
    return not words or (
        any(needed.has_part_of(word) for word in words) and not any(_adds_topic(word, lists) for word in words)
    )


def _adds_topic(word: str, lists: tuple[Lexicon, ...]) -> bool:
    if starts_unspaced(word):
        for words in lists:
            word = words.without(word)
        return bool(topical(word))
    # The letters of "c'est" and "that's" are words of their own.
    says_something = word.isdigit() or (len(word) > 1 and weight(word) == 1)
    return says_something and not any(word in words for words in lists)
