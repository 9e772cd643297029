"""Tell what a question about a document is after: a passage of it, or the whole.

"Summarize this" names nothing that stands in the text, so ranking its words finds nothing. Such questions consist of
words of three kinds: for a task on a text, for a text or its parts, and function words. Whatever else a question has is
looked up in the text.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.rag.function_words import weight
from services.chat.rag.lexicon import Lexicon, topical
from services.chat.rag.words import WORD, starts_unspaced

_TASKS = """
summar* summari* sum overview outline synopsis abstract gist recap tldr digest condense* shorten* simplif* rephrase* rewrite*
paraphras* translat* proofread* spellcheck* correct* grammar* spelling* typo* mistake* error* tone* style* mood sentiment friendly polite
formal opinion* review* analy* evaluat* critic* compare* comparison* difference* differ* bullet* keypoint* main key points* takeaway* highlight*
conclu* structur* topic* about list* enumerate* headline* title* describe* rate feedback improv* edit fix
zusammenfass* fass fasse kurzfass* überblick* übersicht* inhaltsangabe* inhalt* kernaussag* hauptaussag* stichpunkt* stichwort* gliederung* übersetz*
korrigier* korrektur* rechtschreib* grammati* fehler* tonfall ton stil stimmung freundlich höflich meinung* bewert* analysier* analyse* vergleich*
verglich* unterschied* kürz* vereinfach* umformulier* umschreib* thema themen worum zähl aufzähl* aufliste* liste* auflist* fazit schlussfolger* titel
überschrift* beschreib* verbesser* wichtigst* hauptpunkt*
resum* resúm* resumen* síntesis sinteti* esquema* tradu* corrig* corrección ortograf* gramátic* gramatic* falta* tono estilo opinión opina* compar*
diferencia* analiz* análisis* simplific* reescrib* acort* lista* enumer* puntos* principal* importante* tema* trata título* describe* conclus* mejor* amable
résum* synthès* synthéti* traduc* tradui* corrige* orthograph* grammair* faute* ton style avis analys* compar* différence* simplifi* reformul* raccourc*
liste* énumèr* principa* important* sujet* thème* parle titre* décri* conclu* plan grandes lignes amélior*
riassum* riassunto* sintesi* sintetizz* tradu* corregg* ortografi* grammatic* errori tono stile opinione* analizz* confront* differenz* semplific*
riscriv* accorci* elenc* punti* principal* important* argoment* tema parla titolo descriv* conclusion* miglior*
resum* sínte* tradu* corrij* corrig* ortograf* gramátic* erros tom estilo opinião analis* compar* diferenç* simplifi* reescrev* encurt* list* pontos*
principais importante* assunto* tema* trata título* descrev* conclus* melhor*
samenvat* vat samen overzicht* vertaal* verbeter* corrigeer* spelling* grammatic* fouten toon stijl mening* analyseer* vergelijk* verschil* vereenvoudig* herschrijf*
inkort* opsom* lijst* hoofdpunt* belangrijk* onderwerp* gaat titel* beschrijf* conclus*
streś* streszcz* podsumow* przetłumacz* popraw* ortograf* gramaty* błęd* ton styl opini* przeanaliz* porówn* różnic* uprość* skróć* wypisz* wymień* punkt*
najważniejsz* temat* tytuł* opis* wniosk*
özet* çevir* düzelt* yazım* dilbilgisi* gramer* hata* üslup* ton* tarz* görüş* analiz* karşılaştır* fark* basitleştir* kısalt* listele* sırala* madde*
önemli* ana konu* başlı* anlat* açıkla* sonuç*
резюм* кратк* коротк* перескаж* переска* обобщ* сводк* конспект* план* перевед* перевод* исправ* проверь* орфограф* граммат* ошибк* опечатк* тон стиль
настроение мнени* проанализ* анализ* сравн* отлич* разниц* упрост* сократ* перечисл* список* составь* пункт* главн* важн* основн* тем* речь
заголов* опиши* вывод* смысл* суть* расскаж*
підсум* стисл* коротк* перекаж* переклад* переклади* виправ* орфограф* грамат* помилк* тон стиль думк* проаналіз* порівн* відмінн* спрост* скорот* перелік* перерах*
список* пункт* головн* важлив* основн* тем* йдеться заголов* опиши* висновк* суть*
لخص* تلخيص* ملخص* خلاصة* اختصر* موجز* ترجم* ترجمة* صحح* تصحيح* دقق* إملاء* إملائي* اللغوية لغوية نحو* أخطاء* خطأ نبرة* أسلوب* لهجة رأي* حلل* تحليل* قارن* مقارنة*
فرق* بسط* أعد صياغة* اكتب قائمة* عدد* اذكر* نقاط* أهم* رئيسي* موضوع* يتحدث تتحدث يدور تدور مغزى* فكرة* عنوان* صف* استنتاج* اشرح*
सारांश* संक्षेप* संक्षिप्त* अनुवाद* सुधार* ठीक वर्तनी* व्याकरण* गलतियाँ गलती* लहजा* शैली* राय* विश्लेषण* तुलना* अंतर* सरल* सूची* मुख्य* बिंदु* विषय* शीर्षक* वर्णन* निष्कर्ष* बताओ बताइए
요약* 정리* 번역* 교정* 수정* 맞춤법* 문법* 오류* 어조* 말투* 의견* 분석* 비교* 차이* 간단* 목록* 나열* 요점* 핵심* 주제* 제목* 설명* 결론* 내용*
"""
"""Words for a task on a whole text; a star stands for any ending."""

_TEXTS = """
document* doc docs file* text* article* paper* page* pages attachment* attached upload* pdf story* letter* mail* email* report* note* contract* book* chapter*
section* paragraph* part* sentence* line* word* author* writer* content* thing* stuff whole entire all everything five three ten two one each short brief* long simple easy language* english german
french spanish italian russian chinese arabic turkish hindi japanese korean portuguese dutch polish
dokument* datei* text* artikel* seite* anhang anhänge* geschichte* brief* bericht* notiz* vertrag* buch* kapitel* abschnitt* absatz* absätz* teil* satz sätze* zeile* wort wörter* autor* ganze*
gesamte* alles alle kurz* knapp* einfach* sprache* englisch* deutsch* französisch* spanisch* russisch* drei fünf zehn
documento* archivo* texto* artículo* página* adjunto* historia* carta* correo* informe* nota* contrato* libro* capítulo* sección* párrafo* parte* frase* línea* palabra* autor* todo toda todos
completo breve* corto* simple* idioma* inglés alemán francés español ruso cinco tres diez
document* fichier* texte* article* page* pièce jointe histoire* lettre* courriel* rapport* note* contrat* livre* chapitre* section* paragraphe* partie* phrase* ligne* mot mots auteur* tout toute
entier* bref* court* simple* langue* anglais allemand français espagnol russe cinq trois dix
file* testo articolo* pagina* allegato* storia* lettera* relazione* nota* contratto* libro* capitol* sezion* paragraf* parte frasi frase riga righe parol* autore* tutto tutta intero* breve* inglese tedesco francese
documento* arquivo* ficheiro* texto* artigo* página* anexo* história* carta* relatório* nota* contrato* livro* capítulo* seção* parágrafo* parte* frase* linha* palavra* autor* todo tudo breve* inglês alemão
document* bestand* tekst* artikel* pagina* bijlage* verhaal* brief* verslag* contract* boek* hoofdstuk* paragraaf* alinea* deel zin zinnen regel* woord* auteur* hele alles kort* engels duits
dokument* plik* tekst* artykuł* stron* załącznik* histori* list raport* umow* książk* rozdział* akapit* część* zdani* linij* słow* autor* cał* wszystk* krótk* angielsk* niemieck*
belge* dosya* metin metni* makale* sayfa* ek ekteki hikaye* öykü* mektup* rapor* not sözleşme* kitap* bölüm* paragraf* kısım* cümle* satır* kelime* yazar* tüm bütün hepsi kısa* ingilizce* almanca* türkçe*
документ* файл* текст* стать* страниц* вложени* истори* рассказ* письм* отчет* отчёт* заметк* договор* книг* глав* раздел* абзац* част* предложени* строк* слов* автор* весь всё вся все целиком английск* немецк* русск* пять три
документ* файл* текст* статт* сторінк* вкладенн* історі* лист* звіт* договір* книг* розділ* абзац* частин* реченн* слов* автор* весь все англійськ* українськ*
مستند* وثيقة* ملف* نص نصوص مقال* صفحة* مرفق* قصة* رسالة* تقرير* ملاحظ* عقد* كتاب* فصل* قسم* فقرة* جزء* جمل* سطر* كلمات كاتب* مؤلف* كل كله كلها كاملا* قصير* واحدة إنجليزية* عربية* ألمانية*
दस्तावेज़* दस्तावेज* फ़ाइल* फाइल* पाठ* लेख* पृष्ठ* पेज* कहानी* पत्र* रिपोर्ट* किताब* अध्याय* अनुभाग* भाग* वाक्य* पंक्ति* शब्द* लेखक* पूरा* पूरी* सभी सब अंग्रेज़ी* अंग्रेजी* हिंदी* हिन्दी*
문서* 파일* 텍스트* 글 기사* 페이지* 이야기* 편지* 보고서* 책 장 문단* 문장* 줄 단어* 저자* 전체* 모두 영어* 한국어* 독일어*
"""
"""Words for a text, its parts, its length and its language."""

_UNSPACED_TASKS = (
    "总结 總結 概括 摘要 概要 大意 提纲 提綱 大纲 大綱 要点 要點 重点 重點 主要 中心思想 主题 主題 翻译 翻譯 译成 校对 校對 改错 改錯 错别字 錯別字 语法 語法 语气 語氣 口气 态度 態度 文风 风格 風格 "
    "评价 評價 分析 比较 比較 对比 對比 区别 區別 不同 简化 簡化 改写 改寫 缩写 列出 列一个 列举 列舉 清单 清單 讲了什么 讲什么 讲的是什么 说了什么 关于什么 有关什么 内容 內容 结论 結論 观点 觀點 标题 標題 介绍 介紹 描述 "
    "要約 まとめ 概要 あらすじ 翻訳 訳して 校正 誤字 脱字 文法 口調 雰囲気 文体 感想 分析 比較 違い 箇条書き 一覧 リスト 要点 主題 テーマ 題名 タイトル 内容 結論 説明 "
    "สรุป แปล แก้ไข ไวยากรณ์ คำผิด น้ำเสียง เปรียบเทียบ วิเคราะห์ รายการ ประเด็น หัวข้อ เนื้อหา เกี่ยวกับอะไร"
)
"""The same tasks in scripts without blanks."""

_UNSPACED_TEXTS = (
    "文档 文檔 文件 文章 文本 文字 全文 这份 這份 这篇 這篇 这个 這個 这本 这封 故事 邮件 郵件 信 报告 報告 合同 手册 手冊 书 書 页面 章节 章節 段落 部分 句子 句话 句 行 作者 全部 所有 整个 整個 简短 簡短 简单 "
    "三点 五点 几点 英文 英语 英語 中文 德语 德文 法语 日语 帮我 幫我 请把 請把 给我 一下 一个 用一句话 成 把 都 到底 东西 東西 怎么样 怎麼樣 还是 是否 "
    "文書 ファイル 文章 本文 この 資料 物語 メール 手紙 報告書 契約書 本 章 段落 部分 文 行 著者 全体 全部 すべて 短く 簡単に 英語 日本語 ドイツ語 してください して 教えて ください に で "
    "เอกสาร ไฟล์ ข้อความ บทความ เรื่อง นี้ ทั้งหมด สั้นๆ ภาษาอังกฤษ ให้หน่อย หน่อย"
)
"""The same texts in scripts without blanks."""

MIXED = 0.5
"""Share of the room for the whole if a question has a task and words to look up besides."""


TASKS, TEXTS = Lexicon.of(_TASKS, _UNSPACED_TASKS), Lexicon.of(_TEXTS, _UNSPACED_TEXTS)


def share_of_whole(question: str, leans: bool = False) -> float:
    """Return how much of the room a question gives to an overview of the whole text, 0 to 1.

    `leans` says that the talk before it tells what it is about.
    """
    text = question.lower()
    if not leans and not any(looked_up(text)):
        return 1.0
    return MIXED if has_task(text) else 0.0


def has_task(text: str) -> bool:
    """Return whether a lower-case question names a task on a whole text."""
    return any(TASKS.has_part_of(word) for word in WORD.findall(text))


def looked_up(text: str) -> Iterator[str]:
    """Yield the words of a lower-case question that are looked up in the text."""
    for word in WORD.findall(text):
        if starts_unspaced(word):
            yield from topical(TEXTS.without(TASKS.without(word)))
        elif word not in TASKS and word not in TEXTS and weight(word) == 1 and not word.isdigit():
            yield word
