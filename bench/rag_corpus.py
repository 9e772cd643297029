"""Generate questions and web pages for `bench.rag`: invented towns in ten languages, amid page boilerplate.

All texts were written for this benchmark and are in the public domain (CC0). Nothing is true of any real town.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

Fact = tuple[str, str]
"""A sentence and its question; both name ``{t}``, the town; the sentence also ``{n}``, the answer."""


@dataclass(frozen=True, slots=True)
class Language:
    """The texts of one language."""

    facts: tuple[Fact, ...]
    filler: tuple[str, ...]
    """Sentences without a fact."""
    boilerplate: tuple[str, ...]
    """Labels of menus and notices."""
    towns: tuple[str, ...]
    space: str = " "
    """What stands between two sentences."""


LATIN = ("Velmora", "Tarnick", "Osbrun", "Kelidor", "Mirasan", "Dunvale", "Petrosk", "Halmeny", "Corvani", "Brixholt")
CYRILLIC = (
    "Вельмора",
    "Тарник",
    "Осбрун",
    "Келидор",
    "Мирасан",
    "Дунвал",
    "Петроск",
    "Халмень",
    "Корвани",
    "Бриксхольт",
)
ARABIC = ("فلمورا", "تارنيك", "أوسبرون", "كليدور", "ميراسان", "دنفال", "بتروسك", "هالميني", "كورفاني", "بريكسهولت")
HINDI = ("वेलमोरा", "टार्निक", "ओसब्रुन", "केलिडोर", "मिरासान", "डनवेल", "पेट्रोस्क", "हालमेनी", "कोर्वानी", "ब्रिक्सहोल्ट")
CHINESE = (
    "维尔莫拉",
    "塔尼克",
    "奥斯布伦",
    "凯利多",
    "米拉桑",
    "邓维尔",
    "彼得罗斯克",
    "哈尔梅尼",
    "科瓦尼",
    "布里霍特",
)
JAPANESE = (
    "ヴェルモラ",
    "タルニク",
    "オスブルン",
    "ケリドル",
    "ミラサン",
    "ダンベール",
    "ペトロスク",
    "ハルメニ",
    "コルヴァニ",
    "ブリホルト",
)

LANGUAGES = {
    "en": Language(
        (
            (
                "The water tower of {t} is {n} metres high and stands beside the old mill.",
                "How high is the water tower of {t}?",
            ),
            (
                "A fire destroyed the town hall of {t} in the year {n}, and it was never rebuilt.",
                "When did a fire destroy the town hall of {t}?",
            ),
            (
                "The library of {t} lends {n} thousand books, most of them for children.",
                "How many thousand books does the library of {t} lend?",
            ),
            (
                "Each spring {n} cyclists ride around the lake of {t} in one day.",
                "How many cyclists ride around the lake of {t}?",
            ),
            (
                "The bakery of {t} has been run by {n} generations of the same family.",
                "How many generations have run the bakery of {t}?",
            ),
        ),
        (
            "The road follows the river for a while before it climbs into the hills, where the air is cooler even in summer.",
            "Most visitors come by train and stay for a weekend, since there is more to see than fits into one afternoon.",
            "The market takes place on Saturdays, and people from all of the villages around bring what their gardens yield.",
        ),
        (
            "Home",
            "Log in",
            "Subscribe to our newsletter",
            "Share this page",
            "Cookie settings",
            "Related articles",
            "All rights reserved",
            "Contact",
            "Privacy policy",
            "Read more",
        ),
        LATIN,
    ),
    "de": Language(
        (
            (
                "Der Wasserturm von {t} ist {n} Meter hoch und steht neben der alten Mühle.",
                "Wie hoch ist der Wasserturm von {t}?",
            ),
            (
                "Ein Brand zerstörte das Rathaus von {t} im Jahr {n}, und es wurde nie wieder aufgebaut.",
                "In welchem Jahr zerstörte ein Brand das Rathaus von {t}?",
            ),
            (
                "Die Bücherei von {t} verleiht {n} tausend Bücher, die meisten davon für Kinder.",
                "Wie viele tausend Bücher verleiht die Bücherei von {t}?",
            ),
            (
                "Jedes Frühjahr fahren {n} Radfahrer an einem Tag um den See von {t}.",
                "Wie viele Radfahrer fahren um den See von {t}?",
            ),
            (
                "Die Bäckerei von {t} wird seit {n} Generationen von derselben Familie geführt.",
                "Seit wie vielen Generationen besteht die Bäckerei von {t}?",
            ),
        ),
        (
            "Die Straße folgt eine Weile dem Fluss, bevor sie in die Hügel steigt, wo die Luft selbst im Sommer kühler ist.",
            "Die meisten Gäste kommen mit dem Zug und bleiben ein Wochenende, denn ein Nachmittag reicht für alles nicht aus.",
            "Der Markt findet samstags statt, und die Leute aus den Dörfern bringen mit, was ihre Gärten hergeben.",
        ),
        (
            "Startseite",
            "Anmelden",
            "Newsletter abonnieren",
            "Seite teilen",
            "Cookie-Einstellungen",
            "Ähnliche Artikel",
            "Alle Rechte vorbehalten",
            "Kontakt",
            "Datenschutz",
            "Weiterlesen",
        ),
        LATIN,
    ),
    "es": Language(
        (
            (
                "La torre de agua de {t} mide {n} metros y está junto al viejo molino.",
                "¿Cuántos metros mide la torre de agua de {t}?",
            ),
            (
                "Un incendio destruyó el ayuntamiento de {t} en el año {n} y nunca se reconstruyó.",
                "¿En qué año destruyó un incendio el ayuntamiento de {t}?",
            ),
            (
                "La biblioteca de {t} presta {n} mil libros, la mayoría para niños.",
                "¿Cuántos miles de libros presta la biblioteca de {t}?",
            ),
            (
                "Cada primavera {n} ciclistas dan la vuelta al lago de {t} en un día.",
                "¿Cuántos ciclistas dan la vuelta al lago de {t}?",
            ),
            (
                "La panadería de {t} ha pasado por {n} generaciones de la misma familia.",
                "¿Por cuántas generaciones ha pasado la panadería de {t}?",
            ),
        ),
        (
            "La carretera sigue el río durante un rato antes de subir a las colinas, donde el aire es más fresco incluso en verano.",
            "La mayoría de los visitantes llega en tren y se queda un fin de semana, porque una tarde no basta para verlo todo.",
            "El mercado se celebra los sábados, y la gente de los pueblos trae lo que dan sus huertos.",
        ),
        (
            "Inicio",
            "Iniciar sesión",
            "Suscríbete al boletín",
            "Compartir",
            "Configuración de cookies",
            "Artículos relacionados",
            "Todos los derechos reservados",
            "Contacto",
            "Política de privacidad",
            "Leer más",
        ),
        LATIN,
    ),
    "fr": Language(
        (
            (
                "Le château d'eau de {t} mesure {n} mètres et se dresse près du vieux moulin.",
                "Combien de mètres mesure le château d'eau de {t} ?",
            ),
            (
                "Un incendie détruisit la mairie de {t} en {n}, et elle ne fut jamais reconstruite.",
                "En quelle année un incendie détruisit-il la mairie de {t} ?",
            ),
            (
                "La bibliothèque de {t} prête {n} mille livres, la plupart pour les enfants.",
                "Combien de milliers de livres prête la bibliothèque de {t} ?",
            ),
            (
                "Chaque printemps, {n} cyclistes font le tour du lac de {t} en un jour.",
                "Combien de cyclistes font le tour du lac de {t} ?",
            ),
            (
                "La boulangerie de {t} est tenue depuis {n} générations par la même famille.",
                "Depuis combien de générations la boulangerie de {t} est-elle tenue ?",
            ),
        ),
        (
            "La route suit un moment la rivière avant de monter dans les collines, où l'air est plus frais même en été.",
            "La plupart des visiteurs viennent en train et restent un week-end, car un après-midi ne suffit pas pour tout voir.",
            "Le marché a lieu le samedi, et les gens des villages apportent ce que donnent leurs jardins.",
        ),
        (
            "Accueil",
            "Connexion",
            "Abonnez-vous à la lettre",
            "Partager",
            "Gestion des cookies",
            "Articles liés",
            "Tous droits réservés",
            "Contact",
            "Confidentialité",
            "Lire la suite",
        ),
        LATIN,
    ),
    "ru": Language(
        (
            (
                "Высота водонапорной башни города {t} составляет {n} метров, она стоит рядом со старой мельницей.",
                "Какова высота водонапорной башни города {t}?",
            ),
            (
                "Пожар уничтожил ратушу города {t} в {n} году, и её так и не восстановили.",
                "В каком году пожар уничтожил ратушу города {t}?",
            ),
            (
                "Библиотека города {t} выдаёт {n} тысяч книг, большинство из них детские.",
                "Сколько тысяч книг выдаёт библиотека города {t}?",
            ),
            (
                "Каждую весну {n} велосипедистов объезжают озеро города {t} за один день.",
                "Сколько велосипедистов объезжает озеро города {t}?",
            ),
            (
                "Пекарней города {t} управляют уже {n} поколений одной семьи.",
                "Сколько поколений управляет пекарней города {t}?",
            ),
        ),
        (
            "Дорога некоторое время идёт вдоль реки, а потом поднимается в холмы, где воздух прохладнее даже летом.",
            "Большинство гостей приезжает поездом и остаётся на выходные, потому что одного дня не хватает на всё.",
            "Рынок работает по субботам, и жители деревень привозят то, что выросло в их садах.",
        ),
        (
            "Главная",
            "Войти",
            "Подписаться на рассылку",
            "Поделиться",
            "Настройки cookie",
            "Похожие статьи",
            "Все права защищены",
            "Контакты",
            "Политика конфиденциальности",
            "Читать далее",
        ),
        CYRILLIC,
    ),
    "tr": Language(
        (
            (
                "{t} kasabasının su kulesi {n} metre yüksekliğindedir ve eski değirmenin yanında durur.",
                "{t} kasabasındaki su kulesinin yüksekliği kaç metredir?",
            ),
            (
                "{t} belediye binası {n} yılında çıkan bir yangında yok oldu ve bir daha yapılmadı.",
                "{t} belediye binası hangi yıl yangında yok oldu?",
            ),
            (
                "{t} kütüphanesi {n} bin kitap ödünç verir, çoğu çocuklar içindir.",
                "{t} kütüphanesi kaç bin kitap ödünç verir?",
            ),
            (
                "Her ilkbahar {n} bisikletçi bir günde {t} gölünün çevresini dolaşır.",
                "Kaç bisikletçi {t} gölünün çevresini dolaşır?",
            ),
            ("{t} fırınını aynı aileden {n} kuşak işletmiştir.", "{t} fırınını kaç kuşak işletmiştir?"),
        ),
        (
            "Yol bir süre nehri izler, sonra yazın bile havanın serin olduğu tepelere tırmanır.",
            "Ziyaretçilerin çoğu trenle gelir ve hafta sonu kalır, çünkü her şeyi görmeye bir öğleden sonra yetmez.",
            "Pazar cumartesi günleri kurulur ve köylerden gelenler bahçelerinde yetişeni getirir.",
        ),
        (
            "Anasayfa",
            "Giriş yap",
            "Bültene abone ol",
            "Paylaş",
            "Çerez ayarları",
            "İlgili yazılar",
            "Tüm hakları saklıdır",
            "İletişim",
            "Gizlilik",
            "Devamını oku",
        ),
        LATIN,
    ),
    "ar": Language(
        (
            (
                "يبلغ ارتفاع برج المياه في {t} نحو {n} مترًا ويقع بجانب الطاحونة القديمة.",
                "كم يبلغ ارتفاع برج المياه في {t}؟",
            ),
            ("دمر حريق مبنى البلدية في {t} عام {n} ولم يُبنَ من جديد.", "في أي عام دمر الحريق مبنى البلدية في {t}؟"),
            ("تعير مكتبة {t} نحو {n} ألف كتاب معظمها للأطفال.", "كم ألف كتاب تعير مكتبة {t}؟"),
            ("في كل ربيع يدور {n} دراجًا حول بحيرة {t} في يوم واحد.", "كم دراجًا يدور حول بحيرة {t}؟"),
            ("يدير مخبز {t} منذ {n} أجيال أبناء العائلة نفسها.", "منذ كم جيل تدير العائلة مخبز {t}؟"),
        ),
        (
            "تسير الطريق بمحاذاة النهر قليلًا ثم تصعد إلى التلال حيث الهواء ألطف حتى في الصيف.",
            "يصل معظم الزوار بالقطار ويبقون عطلة نهاية الأسبوع لأن يومًا واحدًا لا يكفي لرؤية كل شيء.",
            "يقام السوق يوم السبت ويجلب أهل القرى ما تنتجه حدائقهم.",
        ),
        (
            "الرئيسية",
            "تسجيل الدخول",
            "اشترك في النشرة",
            "مشاركة",
            "إعدادات الكوكيز",
            "مقالات ذات صلة",
            "جميع الحقوق محفوظة",
            "اتصل بنا",
            "الخصوصية",
            "اقرأ المزيد",
        ),
        ARABIC,
    ),
    "hi": Language(
        (
            ("{t} की पानी की मीनार {n} मीटर ऊँची है और पुरानी चक्की के पास खड़ी है।", "{t} की पानी की मीनार कितनी ऊँची है?"),
            ("{t} का नगर भवन वर्ष {n} में आग से नष्ट हो गया और फिर कभी नहीं बना।", "{t} का नगर भवन किस वर्ष आग से नष्ट हुआ?"),
            ("{t} का पुस्तकालय {n} हज़ार किताबें देता है, जिनमें अधिकतर बच्चों के लिए हैं।", "{t} का पुस्तकालय कितने हज़ार किताबें देता है?"),
            (
                "हर वसंत में {n} साइकिल सवार एक दिन में {t} की झील का चक्कर लगाते हैं।",
                "कितने साइकिल सवार {t} की झील का चक्कर लगाते हैं?",
            ),
            ("{t} की बेकरी एक ही परिवार की {n} पीढ़ियों से चल रही है।", "{t} की बेकरी कितनी पीढ़ियों से चल रही है?"),
        ),
        (
            "सड़क कुछ दूर तक नदी के साथ चलती है और फिर पहाड़ियों पर चढ़ती है, जहाँ गर्मियों में भी हवा ठंडी रहती है।",
            "अधिकतर यात्री रेल से आते हैं और सप्ताहांत तक रुकते हैं, क्योंकि एक दोपहर में सब कुछ देखना संभव नहीं।",
            "बाज़ार शनिवार को लगता है और गाँवों के लोग अपने बागों की उपज लाते हैं।",
        ),
        (
            "मुखपृष्ठ",
            "लॉगिन",
            "सदस्यता लें",
            "साझा करें",
            "कुकी सेटिंग",
            "संबंधित लेख",
            "सर्वाधिकार सुरक्षित",
            "संपर्क",
            "गोपनीयता",
            "और पढ़ें",
        ),
        HINDI,
    ),
    "zh": Language(
        (
            ("{t}的水塔高{n}米，矗立在老磨坊旁边。", "{t}的水塔有多高？"),
            ("{t}的市政厅在{n}年毁于一场大火，此后再没有重建。", "{t}的市政厅是哪一年毁于大火的？"),
            ("{t}图书馆可外借{n}千册图书，其中大多数是儿童读物。", "{t}图书馆可外借多少千册图书？"),
            ("每年春天，{n}名骑车人在一天之内环绕{t}湖骑行。", "有多少名骑车人环绕{t}湖骑行？"),
            ("{t}的面包店由同一个家族经营了{n}代。", "{t}的面包店经营了多少代？"),
        ),
        (
            "公路沿着河流延伸一段，然后进入山区，那里即使在夏天空气也很凉爽。",
            "大多数游客乘火车前来并住上一个周末，因为一个下午看不完所有的景点。",
            "集市在星期六举行，附近村庄的人们带来自家园子里的收成。",
        ),
        ("首页", "登录", "订阅", "分享", "相关文章", "版权所有", "联系我们", "隐私政策", "评论", "更多"),
        CHINESE,
        "",
    ),
    "ja": Language(
        (
            ("{t}の給水塔は高さ{n}メートルで、古い水車小屋の隣に立っている。", "{t}の給水塔の高さは何メートルですか？"),
            ("{t}の町役場は{n}年の火事で焼失し、再建されなかった。", "{t}の町役場が火事で焼失したのは何年ですか？"),
            (
                "{t}の図書館は{n}千冊の本を貸し出し、その多くは子ども向けである。",
                "{t}の図書館は何千冊の本を貸し出していますか？",
            ),
            ("毎年春に{n}人の自転車乗りが一日で{t}湖を一周する。", "{t}湖を一周する自転車乗りは何人ですか？"),
            ("{t}のパン屋は同じ家族が{n}世代にわたって営んでいる。", "{t}のパン屋は何世代にわたって営まれていますか？"),
        ),
        (
            "道はしばらく川に沿って進み、やがて夏でも空気の涼しい丘へと登っていく。",
            "多くの旅行者は列車で訪れ、半日では見きれないので週末を過ごす。",
            "市場は土曜日に開かれ、周りの村の人々が庭の作物を持ち寄る。",
        ),
        (
            "ホーム",
            "ログイン",
            "登録",
            "シェア",
            "関連記事",
            "著作権",
            "お問い合わせ",
            "プライバシー",
            "コメント",
            "続きを読む",
        ),
        JAPANESE,
        "",
    ),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the pages that a search found for it."""

    language: str
    """Key of `LANGUAGES`."""
    text: str
    answer: str
    sentence: str
    """The sentence with the answer, which one of the pages has."""
    pages: tuple[str, ...]
    contents: tuple[str, ...]
    """Each page without its boilerplate: paragraphs, one per line."""


def make_question(name: str, seed: int, pages: int = 5, sentences: int = 40) -> Question:
    """Return a question in the language `name` and pages of a few kilobytes each; the same for the same `seed`."""
    chance = random.Random(f"{name}:{seed}")
    language = LANGUAGES[name]
    town = chance.choice(language.towns)
    sentence, question = chance.choice(language.facts)
    answer = str(chance.randrange(1000, 10000))
    gold = sentence.format(t=town, n=answer)
    gold_page = chance.randrange(pages)
    contents = [
        make_paragraphs(language, chance, sentences, (sentence, town), gold if number == gold_page else None)
        for number in range(pages)
    ]
    complete = tuple(with_boilerplate(language, chance, paragraphs) for paragraphs in contents)
    joined = tuple("\n".join(paragraphs) for paragraphs in contents)
    return Question(name, question.format(t=town), answer, gold, complete, joined)


def make_paragraphs(
    language: Language, chance: random.Random, size: int, asked: tuple[str, str], gold: str | None
) -> list[str]:
    """Return `size` sentences about other towns and other things, in paragraphs; `gold` is somewhere among them.

    `asked` is the fact and the town of the question, which no other sentence may answer.
    """
    others = [(fact, town) for fact, _ in language.facts for town in language.towns if (fact, town) != asked]
    written = [
        fact.format(t=town, n=chance.randrange(1000, 10000))
        for fact, town in chance.sample(others, min(size // 2, len(others)))
    ]
    written += [chance.choice(language.filler) for _ in range(size - len(written))]
    chance.shuffle(written)
    if gold:
        written.insert(chance.randrange(len(written)), gold)
    return [language.space.join(written[start : start + 4]) for start in range(0, len(written), 4)]


def with_boilerplate(language: Language, chance: random.Random, paragraphs: list[str]) -> str:
    """Return a page: the paragraphs between menus and notices.

    Some menus are one line, as after a conversion that loses line ends.
    """
    menu = chance.sample(language.boilerplate, 6)
    foot = chance.sample(language.boilerplate, 6)
    head = "".join(menu) if chance.random() < 0.3 else "\n\n\n".join(menu)
    return "\n".join([head, "", *paragraphs, "", *foot])
