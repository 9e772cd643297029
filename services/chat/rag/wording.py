"""Tell which tasks on a text need its words, so that notes about it are of no use: translating, correcting, rewriting."""

from __future__ import annotations

from services.chat.rag.lexicon import Lexicon
from services.chat.rag.words import WORD

_WORDING = """
translat* proofread* spellcheck* correct* fix grammar* spelling* typo* mistake* error* rephrase* rewrite* paraphras* edit tone* style* mood
friendly polite formal sentiment headline* sentence* word*
übersetz* korrigier* korrektur* rechtschreib* grammati* fehler* tonfall ton stil stimmung freundlich höflich umformulier* umschreib* satz sätze* wort wörter*
tradu* corrig* corrección ortograf* gramátic* gramatic* falta* tono estilo reescrib* amable frase* palabra*
traduc* tradui* corrige* orthograph* grammair* faute* ton style reformul* phrase* mot mots
traduz* corregg* ortografi* grammatic* errori stile riscriv* frasi parol*
corrij* erros tom reescrev* palavra*
vertaal* verbeter* corrigeer* spelling* fouten toon stijl herschrijf* zin zinnen woord*
przetłumacz* popraw* ortograf* gramaty* błęd* styl zdani* słow*
çevir* düzelt* yazım* dilbilgisi* gramer* hata* üslup* tarz* cümle* kelime*
перевед* перевод* исправ* проверь* орфограф* граммат* ошибк* опечатк* тон стиль настроение предложени* слов*
переклад* виправ* орфограф* грамат* помилк* тон стиль реченн*
ترجم* ترجمة* صحح* تصحيح* دقق* إملاء* إملائي* نحو* أخطاء* خطأ نبرة* أسلوب* لهجة صياغة* جمل*
अनुवाद* सुधार* वर्तनी* व्याकरण* गलतियाँ गलती* लहजा* शैली* वाक्य* शब्द*
번역* 교정* 수정* 맞춤법* 문법* 오류* 어조* 말투* 문장* 단어*
"""
"""Words for such tasks, and for sentences and words; a star stands for any ending."""

_UNSPACED_WORDING = (
    "翻译 翻譯 译成 校对 校對 改错 改錯 错别字 錯別字 语法 語法 语气 語氣 口气 态度 態度 文风 风格 風格 改写 改寫 句子 句话 "
    "翻訳 訳して 校正 誤字 脱字 文法 口調 雰囲気 文体 แปล แก้ไข ไวยากรณ์ คำผิด น้ำเสียง"
)
"""The same in scripts without blanks."""

WORDING = Lexicon.of(_WORDING, _UNSPACED_WORDING)


def needs_wording(question: str) -> bool:
    """Return whether `question` is about the words of a text, and not only about what it says."""
    return any(WORDING.has_part_of(word) for word in WORD.findall(question.lower()))
