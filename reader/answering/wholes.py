"""Whether a question asks what the whole document says, and which of its words ask for a detail.

By words alone, in English, German, French, Spanish, Italian, Portuguese, Dutch and Japanese. It runs no decoder.
"""

from __future__ import annotations

import re

from reader.answering.text.words import STOP_WORDS

TEXTS = (
    r"(?:book|text|document|paper|article|report|novel|study|essay|thesis|dissertation|story|work|handbook|manual|guide"
    r"|(?:blog )?post|blog|web ?(?:page|site)|brochure|leaflet|presentation|transcript|pdf|file)"
)
SEVERAL_TEXTS = (
    rf"(?:{TEXTS}s?|stud(?:y|ies)|stories|theses|contracts?|agreements?|leases?|polic(?:y|ies)|letters?|invoices?|offers?"
    r"|judgments?)"
)
"""One or more."""
WHOLE = re.compile(
    r"\b(summar\w+|overview|gist|overall|main (idea|point|topic|theme|argument)s?|themes?|moral"
    rf"|{TEXTS}s? (is |are )?about|what is (it|this|that) about"
    r"|zusammenfass\w*|fasse?n?\b.*\bzusammen|worum geht|wovon handelt|überblick|hauptthem\w+"
    r"|r[eé]sum\w+|de quoi (parle|s['’]agit|traite)|sujet principal"
    r"|de qu[eé] (trata|va|habla)|tema principal|riassum\w+|riassunto|di cosa (parla|tratta)|sobre o qu[eê]|do que (trata|fala)"
    r"|samenvat\w*|waar gaat\b.*\bover)\b|要約|まとめて|あらすじ|何について|どんな(本|話|内容|文書)",
    re.I,
)
_MAY_BE_WHOLE = re.compile(r"overall|themes?|moral|(?<=\w )resum(?:es?|ed|ing)", re.I)
"""Words that may belong to a detail, as in "the overall cost"."""
_OF_WHOLE = re.compile(
    rf"\b(?:{TEXTS}s?|main|key|central|ideas?|points?|topics?|themes?|arguments?|messages?|subjects?|lessons?|authors?|writers?)\b",
    re.I,
)
"""What is no detail beside such a word."""
_ASKS_FOR_DETAIL = re.compile(
    r"\W*(?:(?:by|to|with|for|since|from|until) )?(?:who|whom|whose|when|where|which|how (?:many|much|long|old|often))\b",
    re.I,
)
# What a question for an overview says beside the place: "What happens in chapter 3?", "Fasse Seite 2 zusammen."
_OVERVIEW_WORDS = STOP_WORDS | frozenset(
    """
    happen happens happened happening summary summarise summarize summarised give please content contents page chapter section
    brief short sentence sentences three two one part book list show done occur occurred event events entry entries diary log
    geschieht passiert steht fasse fassen zusammen zusammenfassung gib mir eine einen der die das den dem des auf im in was wovon
    handelt geht es um worum ist seite kapitel abschnitt bitte kurz von über inhalt
    que quoi se passe passe-t-il passer dans le la les du de des un une sur est il y a résume résumé résumez moi donne page chapitre
    qué pasa ocurre sucede en el los las trata hay resume resumen dame página capítulo cosa succede nel nella riassumi
    riassunto pagina capitolo o acontece no na resumo página gebeurt er wat op het hoofdstuk bladzijde samenvatting geef
    何 が に は の を で 内容 書 か れ て い ます 起き こり
    """.split()  # noqa: SIM905 - as in passages
)


def asks_for_whole(question: str) -> bool:
    """Whether a question asks what the whole document says: not "What is the overall cost?", nor "Who wrote the summary?"."""
    found = [one.span() for one in WHOLE.finditer(question)]
    is_unsure = all(_MAY_BE_WHOLE.fullmatch(question, *span) for span in found)
    may_ask_for_detail = is_unsure or _ASKS_FOR_DETAIL.match(question)
    return bool(found) and not (may_ask_for_detail and details(_OF_WHOLE.sub(" ", WHOLE.sub(" ", question))))


def details(question: str) -> list[str]:
    """Words that say what is asked about a place; Japanese has no spaces, so its characters count one by one."""
    words = [
        word for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", question.casefold()) if word not in _OVERVIEW_WORDS
    ]
    return [word for word in words if not re.fullmatch(r"[\u3040-\u30ff\u4e00-\u9fff]+", word)]
