"""List words that are typical of a page's boilerplate: menus, consent notices, sharing buttons.

They are one feature among many in `clean`. No segment is removed only because it has such a word.
"""

from __future__ import annotations

from services.chat.rag.words import stem

_SPACED = """
cookie cookies login logout signin signup register subscribe unsubscribe newsletter copyright privacy terms imprint
comment comments reply share tweet facebook twitter instagram whatsapp pinterest linkedin youtube email print download
menu navigation search home contact about more related tags category categories archive rss feed advertisement
sponsored advertise account cart shop faq sitemap disclaimer rights reserved
impressum datenschutz agb anmelden registrieren abonnieren abonnement kommentar kommentare kommentieren antworten teilen
drucken suche suchen startseite kontakt weiterlesen mehr verwandte ähnliche kategorie anzeige werbung konto warenkorb
widerruf vorbehalten
derechos reservados compartir comentarios comentar responder suscribirse boletín privacidad aviso contacto buscar inicio
partager commentaires commentaire répondre abonner mentions confidentialité accueil rechercher connexion inscription
condividi commenti rispondi iscriviti accedi cerca leggi contatti informativa
compartilhar comentários assine pesquisar direitos
delen inloggen zoeken voorwaarden reageer logga dela kommentera prenumerera integritet
komentarze odpowiedz udostępnij zaloguj szukaj prywatności regulamin sdílet přihlásit hledat megosztás bejelentkezés
войти регистрация подписаться комментарии поделиться конфиденциальности контакты поиск меню реклама главная ответить
увійти коментарі поділитися пошук
giriş kayıt abone yorum yorumlar paylaş gizlilik iletişim çerez reklam anasayfa
σύνδεση εγγραφή σχόλια κοινοποίηση απορρήτου αναζήτηση
تسجيل الدخول اشترك تعليق تعليقات مشاركة الخصوصية اتصل القائمة إعلان
लॉगिन सदस्यता टिप्पणी साझा गोपनीयता संपर्क विज्ञापन
đăng nhập bình luận chia sẻ
"""

_UNSPACED = """
登录 注册 评论 分享 版权 隐私 联系我们 首页 搜索 广告 订阅 相关 点击 登錄 註冊 評論 隱私 聯絡 首頁 廣告
ログイン 登録 コメント 著作権 シェア プライバシー 検索
검색 로그인 회원가입 댓글 공유 개인정보
เข้าสู่ระบบ ความคิดเห็น แชร์
"""

STEMS = frozenset(map(stem, _SPACED.split()))
"""Stems of the words in scripts with blanks between words, compared with the stems of a segment's words."""
PIECES = tuple(_UNSPACED.split())
"""Words in scripts without blanks. They are searched inside a segment, since nothing separates its words."""
