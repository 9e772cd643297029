"""Write the prompt for notes about a part of a document, in the language of the document."""

from __future__ import annotations

from services.chat.rag.fence import fence_text
from services.chat.rag.language import languages_of, script_of
from services.chat.rag.prompt import CLOSE, DATA, OPEN

NOTES = {
    "en": "Write the most important points of this part of a document in two to five short lines, in the language of the document. Keep names, numbers and dates. Write nothing else.",
    "de": "Schreibe die wichtigsten Punkte dieses Teils eines Dokuments in zwei bis fünf kurzen Zeilen auf. Behalte Namen, Zahlen und Daten. Schreibe sonst nichts.",
    "es": "Escribe los puntos más importantes de esta parte de un documento en dos a cinco líneas cortas. Conserva nombres, números y fechas. No escribas nada más.",
    "fr": "Écris les points les plus importants de cette partie d'un document en deux à cinq lignes courtes. Garde les noms, les nombres et les dates. N'écris rien d'autre.",
    "it": "Scrivi i punti più importanti di questa parte di un documento in due-cinque righe brevi. Conserva nomi, numeri e date. Non scrivere altro.",
    "pt": "Escreva os pontos mais importantes desta parte de um documento em duas a cinco linhas curtas. Mantenha nomes, números e datas. Não escreva mais nada.",
    "nl": "Schrijf de belangrijkste punten van dit deel van een document in twee tot vijf korte regels. Behoud namen, getallen en datums. Schrijf verder niets.",
    "pl": "Zapisz najważniejsze punkty tej części dokumentu w dwóch do pięciu krótkich wierszach. Zachowaj nazwy, liczby i daty. Nie pisz nic więcej.",
    "tr": "Bir belgenin bu bölümünün en önemli noktalarını iki ila beş kısa satırda yaz. Adları, sayıları ve tarihleri koru. Başka bir şey yazma.",
    "ru": "Запиши самое важное из этой части документа в двух–пяти коротких строках. Сохрани имена, числа и даты. Больше ничего не пиши.",
    "uk": "Запиши найважливіше з цієї частини документа у двох–п'яти коротких рядках. Збережи імена, числа й дати. Більше нічого не пиши.",
    "ar": "اكتب أهم نقاط هذا الجزء من الوثيقة في سطرين إلى خمسة أسطر قصيرة. احتفظ بالأسماء والأرقام والتواريخ. لا تكتب شيئًا آخر.",
    "hi": "दस्तावेज़ के इस भाग की सबसे महत्वपूर्ण बातें दो से पाँच छोटी पंक्तियों में लिखें। नाम, संख्याएँ और तारीखें रखें। और कुछ न लिखें।",
    "zh": "请用两到五行简短的文字写出文档这一部分的要点，保留名称、数字和日期，不要写其他内容。",
    "ja": "文書のこの部分の要点を、短い行で二行から五行に書いてください。名前、数字、日付は残し、他のことは書かないでください。",
    "ko": "문서의 이 부분에서 가장 중요한 내용을 짧은 두 줄에서 다섯 줄로 쓰세요. 이름, 숫자, 날짜는 그대로 두고 다른 것은 쓰지 마세요.",
}
"""The task in the language of the part, since small models answer in the language of the last sentence they read."""

_BY_SCRIPT = {"han": "zh", "kana": "ja", "hangul": "ko"}

MAX_READ = 2000
"""Characters of a part that tell its language."""


def notes_prompt(part: str) -> str:
    """Return the prompt that asks for notes about `part`. No line of it can pass for a part of the prompt."""
    language = language_of_text(part)
    return f"{DATA[language]}\n{OPEN}\n{fence_text(part)}\n{CLOSE}\n\n{NOTES[language]}"


def language_of_text(text: str) -> str:
    """Return the language of a text as a key of `NOTES`; ``en`` if it is none of them."""
    sample = text[:MAX_READ]
    if (language := _BY_SCRIPT.get(script_of(sample))) is not None:
        return language
    likely = languages_of(sample)
    return next((language for language in NOTES if language in likely), "en")
