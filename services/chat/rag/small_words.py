"""List the words of acknowledgements, of requests for other words, and of questions, in all languages at once.

A star stands for any ending.
"""

from __future__ import annotations

ACKNOWLEDGING = """
helps sounds ai va goedemorgen poproszę dzień dobry 부탁* 대단*
truly honestly lots heaps loads much enough learned learnt wonderful impressive funny neat sweet legit fair glad happy useful sorted
leuchtet einleuchtend* reicht genügt brauch* brauche hilft lustig witzig freut froh erledigt gelöst nachvollziehbar glaub* dachte
suficiente basta sirve sirvió ayudó ayuda divertido curioso sabia increíble impresionante listo encant* feliz funcionó
suffit assez aide aidé aidée drôle intéressant incroyable savoir savais dingue curieux content contente marche réglé
suficiente chega ajudou ajuda engraçado interessante incrível sabia nossa puxa resolvido feliz funcionou
basta abbastanza sufficiente caspita accidenti sapevo bella bello ascolto incredibile interessante divertente aiuto aiutato risolto
fantastico sensato funziona figurati
genoeg wist hartelijk* vriendelijk* duidelijk* ontzettend heel erg geweldig interessant grappig geholpen opgelost snap
wystarczy wiedziałem wiedziałam niesamowite ciekawe śmieszne pomogło świetn* fajn* rozumiem dobrz*
огромное большое хватит достаточно нормально потом дальш* удивительно забавно смешно невероятно помогло решено работает рад рада
досить вистачить цікаво смішно допомогло
yeter yeterli iyiymiş sağ ol akşamlar geceler ilginçmiş bilmiyormuşum inanılmaz komik yardımcı çözüldü işe yarar harikasın
يكفي كفاية حلوة حلو كلام اللي كنت راح أجرب* اجرب* بكرة بكره احكي كمّل وبعدين هه* مضحك مفيد ساعدني ممتع جميلة رائعة عجيب غريب والله سعيد شغال
काफी काफ़ी बस मज़ा मजा दिलचस्प मालूम पता चल गया मदद हुई हुआ अद्भुत कमाल खुशी
đủ thú vị buồn cười hữu ích giúp
cukup menarik lucu membantu berguna
정말* 너무 진짜 많이 아주 충분* 재미* 신기* 몰랐* 도움* 놀랍* 됐어* 됐습니다
מספיק מעניין מצחיק עזר ידעתי
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
够了 夠了 足够 原來 有趣 好笑 佩服 解决了 解決了 没想到 沒想到 长知识 長知識
うける 笑える 合ってる 合っている 正解 知りたかった 助かり ぜひ じゃあ まさに 十分 面白 感動 なんと びっくり やってみます やってみる
พอแล้ว พอ สนุก น่าสนใจ ตลก ช่วย
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
"""Words that thank, agree, decline, greet, praise, or ask to go on."""

GRATEFUL = """
thank* thx ty tysm tks cheers appreciate* danke* dank dankbar gracias merci grazie obrigad* valeu bedankt dank* tack takk tak kiitos
dzięk* dziękuj* děkuj* díky köszön* mulțumesc* ευχαριστ* спасиб* благодар* дяку* teşekkür* sağ sağol* eyvallah شكر* مشكور* تسلم*
धन्यवाद शुक्रिया cảm cám terima makasih 감사* 고마* 고맙* תודה* 谢 謝 感谢 感謝 ありがとう 助かり ขอบคุณ ขอบใจ
"""
"""Words that thank."""

THANKED_FOR = """
help helping support explanation* explaining advice tip tips info information time effort
hilfe unterstützung erklärung* tipp* info* auskunft mühe zeit ayuda ayudarme explicación información consejo* tiempo
aide explication* info* conseil* temps aiuto spiegazion* informazion* consigli* tempo ajuda explicação explicações informaç* dica* tempo
hulp uitleg informatie moeite hjälp hjælp hjelp apua pomoc* wyjaśnien* informacj* segítség* ajutor* βοήθεια
помощь помог* объяснени* информаци* совет* допомог* поясненн* yardım* açıklama* bilgi* مساعدة* المساعدة مساعدتك شرحك المعلومات النصيحة على
मदद सहायता जानकारी सलाह giúp đỡ bantuan* 도움* 도와* עזרה העזרה 帮助 幫助 帮忙 幫忙 助けて 手伝って ช่วย
"""
"""What somebody is thanked for; without a word of thanks it is asked for."""

GOING_ON = """
continu* go on more ahead next again keep looking one first second third last another
weiter* mach fahre fahr fort mehr noch erste* zweite* dritte* letzte*
sigue siga continúa continua adelante más cuéntame dale otra otro primer* segund* tercer* últim*
continue* suite plus encore vas-y vas allez premier* première* deuxième* second* troisième* dernier* dernière*
vai avanti ancora più altro altra dimmi dica pure prim* terz* ultim*
continu* segue siga mais conte conta seguir manda primeir* terceir* últim* outro outra
verder meer eerste tweede derde laatste
fortsätt mer fortsett fortsæt mere jatka lisää dalej kontynuuj więcej jeszcze pierwsz* drugi* ostatni* pokračuj dál víc ještě folytasd tovább még
continuă mai mult συνέχισε κι άλλο
продолжай* дальш* давай ещё еще больше валяй перв* втор* треть* последн* продовжуй далі ще більше
devam anlat daha başka birinci* ikinci* üçüncü* sonuncu*
استمر* تابع* كمل* كمّل اكمل* أكمل* زيدني المزيد أكثر اكثر هات احكي وبعدين الأول* الثاني* الأخير*
जारी आगे और बताओ बताइए सुनाओ सुनाइए पहल* दूसर* आखिरी
tiếp tục nữa thêm lanjut* lagi 계속* 더 첫* המשך תמשיך עוד
继续 繼續 接着 接著 往下 下去 还有 還有 然后 然後 更多 多说 再 第一 第二 第三 最后 最後
続けて 続き もっと もう一 聞かせて それで 最初 二番目 ต่อ เพิ่ม อีก
"""
"""Words that ask to go on, or choose one of several things."""

REWORDING = """
rewrit* paraphras* summar* shorten* translat* clarif* brief* table list bullets sentence sentences confus* again tldr easier
wenigen wenig kurzen einfachen umschreib* schreib* zusammenfass* fass* übersetz* tabelle liste satz sätze verständlich* knapp* deutlich* dummies vereinfach* kürz*
formulier* versteh* kapier*
sencill* reescrib* escrib* resum* traduc* hazlo haz acort* simplific* aclar* tabla puntos frase frases breve más otras entend* palabra*
réécri* écri* résum* tradui* fais fai raccourci* simplifi* clarifi* tableau puces phrase phrases bref brève compri* mots clair* court*
reescrev* escrev* resum* traduz* encurt* esclarec* tabela itens palavra* simplific* entend* melhor clareza
poche pochi parola riscriv* scriv* riassum* traduc* accorci* semplific* chiar* tabella punti puntato righe frasi frase brev* rispieg* ridi* ripet* fammi
fallo mettilo capito dirlo dimmelo modo
herschrijf* herformul* samenvat* vat vertaal* verkort* vereenvoudig* duidelijk* tabel puntjes zinnen zin woorden begrijp*
przepisz* streść streszcz* podsumuj* przetłumacz* skróć uprość tabela punktach punkty zdaniach słowami rozumiem zrozumia*
перепиш* напиш* сократ* упрост* перевед* перефраз* сформулир* обобщ* резюм* таблиц* список списк* предлож* слов* попроще покороч* проще
понят* пойм* яснее ясней самое тоже своими простыми
перепиш* скорот* спрост* перекл* таблиц* список* реченн* слов* зрозум*
yeniden yaz* özetle* kısalt* basitleştir* çevir* açık* anlat* anlama* tablo cümle* kelime* sade* maddeler* madde* liste* söyle*
اكتب* أكتب* صياغ* صغ لخص* تلخيص* اختصر* باختصار ترجم* بسيط* ابسط* أبسط* طريقة نقاط* جدول جمل* جملة كلمات* وضّح* وضح* افهم* أفهم* فهمت تشرح*
اشرح* عيد* أعد* إعادة اعادة تعيد*
लिखिए लिख* सारांश अनुवाद* तालिका वाक्य* शब्द* बिंदु* समझ* सरल* आसान* छोटा छोटे दोहरा* बताओ कहिए आप
viết dịch tóm tắt gọn bảng câu từ diễn đạt rõ
tulis* ringkas* terjemah* sederhana* tabel kalimat kata poin* perjelas*
요약* 번역* 다시 정리* 표로 문장* 목록* 간단* 쉬운 쉽* 풀어* 써줘
סכם* תרגם* קצר* פשוט* טבלה נקודות משפט* מילים במילים תסביר* הסבר*
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
概括 归纳 歸納 缩短 縮短 精简 精簡 简化 簡化 表格 句话 句話 中文 换句话 明白点 清楚点
もう一回 わからなかった 分からなかった わからない 分からない 簡潔 要約 要点 表に 箇条書きに 言い換え 書き直 言って もらえ ほしい 欲しい 一言
ใหม่ สรุป แปล ตาราง ประโยค คำ
重写 重寫 改写 改寫 总结 總結 翻译 翻譯 一下 英文 中文 要約して 翻訳して
列表 清单 写 給 给 换个 再 一遍 一次 重复 重複 解释 解釋 说明 說明 说 說 讲 講 简单 簡單 简短 簡短 短 详细 詳細
具体 具體 换 換 个 個 方式 说法 要点 要點 列成 列 条 通俗
リスト まとめて 書いて 言葉 他の
もう一度 もう少し 少し 詳しく 簡単に 短く わかりやすく 分かりやすく 別の 言い方 言って 説明して 教えて 箇条書き
อีก ครั้ง อธิบาย สั้น ง่าย
"""
"""Words that ask to say the same shorter, simpler, in another form or language."""


ASKING = """
where who whose when why which wer wo woher wohin wann warum wieso weshalb welche* dónde quién quiénes cuándo cuánto cuánta cuántos
cuántas cuál cuáles où qui quand combien pourquoi lequel laquelle onde quem quando quanto quanta quantos quantas qual quais dove chi
perché quale quali quanti quante waar wanneer waarom welke где кто кого когда почему зачем сколько какой какая какое какие куда
откуда де хто коли чому скільки який яка kim nerede neden niye niçin kaç hangi hangisi متى أين اين وين مين لماذا ليه ليش كم कब कहाँ
कहां कौन क्यों कितना कितने कितनी किसने किस gdzie kto kiedy dlaczego ile który która kde kdo kdy proč kolik siapa kapan mengapa kenapa
berapa ai đâu bao מתי איפה למה מי 누가 언제 어디 왜 얼마나 몇
什么 什麼 怎么 怎麼 谁 誰 哪 几 幾 多少 为何 いつ どこ なぜ どの いくら 何 どうやって どうして どうすれ อะไร ใคร ไหน ทำไม เท่าไร กี่
"""
"""Words that only a question has."""
ASKING_OR_PRAISING = "what how was wie qu qué que che come como cómo как что ne nasıl ما كيف क्या कैसे comment なに"
"""Words that are in a question, and in "how nice!"."""
