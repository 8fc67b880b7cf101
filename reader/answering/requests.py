"""What a question asks for: a detail, the whole document, its outline, a page, a chapter, a day, its beginning or its end, where
something is mentioned, who somebody or what something is, what letters stand for, who the main characters are, who wrote it, or
nothing but a greeting.

By words alone, in English, German, French, Spanish, Italian, Portuguese, Dutch and Japanese; what is not understood is a
question for a detail. It runs no decoder.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reader.answering.checks.prices import with_cost
from reader.answering.refusal import says_nothing
from reader.answering.text.days import Day, day_in
from reader.answering.text.headings import CHAPTER, NUMBER, ORDINAL, number_of
from reader.answering.text.words import STOP_WORDS, bare, content_words
from reader.answering.wholes import TEXTS, WHOLE, asks_for_whole, details
from reader.wording import QUOTES

Kind = Literal[
    "detail",
    "whole",
    "outline",
    "page",
    "chapter",
    "day",
    "beginning",
    "end",
    "mentions",
    "person",
    "role",
    "thing",
    "abbreviation",
    "people",
    "front",
    "claim",
    "hello",
    "thanks",
]

_FIRST = r"first|erste[ns]?|premi(?:er|ère)|primer[ao]?"
_LAST = r"last|final|letzte[ns]?|derni(?:er|ère)|[uú]ltim[ao]"
_PAGES = r"pages?|seiten?|p[aá]ginas?|pagina|bladzijde|p\."
_PAGE = re.compile(
    rf"\b(?:{_PAGES})\s+(?P<number>\d+)\b|(?<!\d)(?P<cjk>\d+)\s*(?:ページ|页|頁)|\b(?:(?P<first>{_FIRST})|{_LAST})\s+(?:{_PAGES})(?!\w)",
    re.I,
)
_CHAPTER = re.compile(
    rf"\b(?:{CHAPTER})\s+(?P<number>{NUMBER})\b(?P<parts>(?:\.\d+)*)|第?(?<!\d)(?P<cjk>\d+)章"
    rf"|\b(?:(?P<first>{_FIRST})|{_LAST}|(?P<nth>{ORDINAL}))\s+(?:{CHAPTER})\b",
    re.I,
)
_TITLED = re.compile(
    r"\W*(?:what (?:does|is)|summari[sz]e|(?:give me )?a summary of|was steht in|fasse|que dit|qué dice)\b.{0,30}?"
    r"[“\"„«](?P<title>[^“”\"„«»]{2,120})[“”\"»](?: (?:say|about|cover|discuss|describe|zusammen))?\W*",
    re.I,
)
_OUTLINE = re.compile(
    rf"\b(?:table of contents|outline|headings|inhaltsverzeichnis|gliederung|table des mati[eè]res|sommaire|[ií]ndice"
    rf"|inhoudsopgave)\b|目次"
    rf"|\b(?:list|show|name|what are|which|how many|nenne?|liste|zeige?|welche|wie viele|quels?|combien de|[eé]num[eè]re\w*|donne"
    rf"|cu[aá]les|lista|enumera|cu[aá]ntos|quali|elenca|quais|welke|noem)\b.{{0,30}}\b(?:{CHAPTER})\b(?!\s+(?:{NUMBER})\b)|章(?:を|の)"
    r"|^\W*(?:(?:what (?:are|is)|show(?: me)?|list|give(?: me)?) )?(?:the |its )?contents(?: of (?:this|the|it)\b.*)?\W*$"
    r"|^\W*how (?:is|was) (?:the|this) \w+ (?:structured|organi[sz]ed|divided|arranged|laid out)\W*$",
    re.I,
)
_ONE_CHAPTER = re.compile(
    r"\W*(?:in |at |im |dans |en )?(?:(?:which|what) (?:chapter|section|part)|welche[mnrs] (?:kapitel|abschnitt)|quel chapitre"
    r"|qu[eé] cap[ií]tulo)\b(?! (?:are|is) there)",
    re.I,
)
"""Asks for one of them, and not for all."""
_MENTIONS = re.compile(
    r"\W*(?:"
    r"(?:(?:on|in) )?(?:which|what) (?:pages?|chapters?|sections?)\b.{0,12}?\b(?:is|are|was|were|do|does|did) (?P<en>.+?)"
    r" (?:mentioned|named|discussed|described|come up|appear|occur|stand)"
    r"|(?:find|list|show(?: me)?|give me) (?:all|every|the) (?:mentions?|occurrences?) of (?P<en_all>.+?)"
    r"|where (?:is|are|was|were|does|do) (?P<en_where>.+?) (?:mentioned|discussed|come up)"
    r"|(?:auf welche[nr] seiten?|in welche[mn] kapiteln?|wo) (?:wird|werden|kommt|kommen) (?P<de>.+?)"
    r" (?:erwähnt|genannt|beschrieben|vor)"
    r"|(?:[àa]|sur|dans) quel(?:le)?s? (?:pages?|chapitres?) (?:est|sont|parle-t-on de) (?P<fr>.+?)(?: mentionn[ée]e?s?)?"
    r"|en qu[eé] (?:p[aá]ginas?|cap[ií]tulos?) (?:se menciona|se mencionan|aparece|aparecen) (?P<es>.+?)"
    r")(?: (?:in|here|im)\b.*)?[\s?!.]*",
    re.I,
)
_PART = (
    r"(?P<title>conclusions?|introduction|abstract|preface|foreword|prologue|epilogue|afterword|postscript|related work|future work"
    r"|acknowledge?ments?|discussion|evaluation|results|findings|methods?|methodology|limitations|appendix)"
)
_NAMED_PART = re.compile(
    r"\W*(?:what (?:do|does|did) .{1,40}? (?:say|write|state) in|what (?:is|are)(?: (?:said|written))?(?: in)?|what stands in"
    rf"|summari[sz]e|(?:give me )?a summary of) (?:its|the|their|his|her|this) {_PART}"
    rf"(?: (?:section|part|chapter))?(?: (?:of|in) (?:this|the) {TEXTS})?(?: about)?\W*",
    re.I,
)
_DOCUMENT = (
    rf"(?:it|this|they|(?:the|this) (?:\w+ ){{0,2}}(?:{TEXTS}|licen[cs]e|lease|contract|agreement|policy|terms|rules|act|law"
    r"|bill|treaty|constitution|charter|statutes?|regulations?|directive|standard|specification|minutes|judgment|authors?"
    r"|abstract|introduction|summary|conclusions?|preface))"
)
_SAID = re.compile(
    rf"\W*(?:what (?:does|do|did) {_DOCUMENT} (?:say|state|write|tell (?:us|me)|mention|provide)"
    r" (?:about|on|regarding|concerning|of)|what (?:is|was) (?:said|stated|written) (?:here )?(?:about|on|regarding|concerning)"
    r"|(?:quote|find|show(?: me)?|give me) the (?:sentence|passage|paragraph|part|place|text)s?"
    r" (?:about|on|where|in which|(?:that|which) (?:says?|describes?|mentions?))"
    r"|was (?:steht|sagt|wird)\b.{0,40}?(?:über|zu[mr]?)"
    r"|que dit(?:-(?:il|elle|on))?(?: (?:le|la|ce|cette) \w+)? (?:sur|de|à propos de)"
    r"|qué (?:dice|se dice)(?: (?:el|la|este|esta) \w+)? (?:sobre|de|acerca de)) (?P<words>.+)",
    re.I,
)
_CONCLUDES = re.compile(r"\W*what (?:do|does|did) (?:(?:the|this|its) )?\w+ conclude\W*", re.I)
_PAPER = rf"(?:it|they|(?:the|this) (?:{TEXTS}|authors?))"
_OF_PAPER = rf"(?: (?:of|in) (?:it|(?:the|this|their) {TEXTS}))?"
_MAIN = r"(?:the|its|their)(?: (?:main|key|central|primary|overall|most important|principal))?"
_DONE = r"(?:does|do|did)"
_CLAIM = re.compile(
    rf"\W*what (?:(?P<aim>(?:is|are|was|were) {_MAIN} (?:aim|goal|purpose|objective)s?{_OF_PAPER}"
    rf"|{_DONE} {_PAPER} (?:aim|try|want|set out|seek)(?: (?:at|to \w+))?)"
    rf"|(?P<contribution>(?:is|are|was|were) {_MAIN} (?:contribution|proposal|novelty|innovation)s?{_OF_PAPER}"
    rf"|{_DONE} {_PAPER} (?:propose|present|introduce|contribute))"
    rf"|(?P<findings>(?:is|are|was|were) {_MAIN} (?:finding|result|outcome)s?{_OF_PAPER}"
    rf"|{_DONE} {_PAPER} (?:find(?: out)?|discover|report))"
    rf"|(?P<problem>problems? (?:{_DONE} {_PAPER} (?:address|solve|tackle|deal with|treat|study|investigate)"
    rf"|(?:is|are) (?:addressed|solved|tackled|treated|studied))"
    rf"|(?:is|was) (?:the|its|their) research (?:problem|question){_OF_PAPER}))\W*",
    re.I,
)
_FRONT = re.compile(
    rf"\bwho (?:is|are|was|were) the (?:authors?|writers?|editors?|translators?)\b(?! of the (?!{TEXTS}))"
    rf"|\bwho (?:wrote|authored|edited|translated|published|issued) (?:this\b|it\b|the {TEXTS}\b)"
    rf"|\b(?:title|authors?|publisher|date|year of publication) of (?:this|the) {TEXTS}\b"
    rf"|\bwhen was (?:this|the {TEXTS}) (?:{TEXTS} )?(?:published|written|printed)\b"
    r"|\bwer (?:ist|sind) (?:der|die) (?:autor|verfasser)\w*|"
    r"\bwer hat (?:dies\w*|das|den) (?:buch|text|artikel|dokument)\b.*\bgeschrieben"
    r"|\bqui (?:est|sont) (?:l['’]|les )auteurs?\b|\bqui a [eé]crit ce"
    r"|\bqui[eé]n(?:es)? (?:es|son) (?:el|la|los|las) autor\w*|\bqui[eé]n escribi[oó] (?:est[ae]|el (?:libro|texto|art[ií]culo))",
    re.I,
)
DATE = "date"
"""What a question asks for that asks when the document was written, in place of who wrote it."""
_DATED_TEXT = rf"(?:{TEXTS}|memo(?:randum)?|notice|letter|minutes|newsletter|e-?mail|message)"
_WRITTEN = re.compile(
    rf"\W*(?:when was (?:this|(?:this|the) {_DATED_TEXT}) (?:written|dated|sent|posted|issued)"
    rf"|what(?:['’]s| is) the date of (?:this|the) {_DATED_TEXT})\W*",
    re.I,
)
_WROTE = re.compile(
    r"\b(?:authors?|writers?|wrote|authored|autor\w*|verfasser\w*|geschrieben|auteurs?|[eé]crit|escribi[oó])\b", re.I
)
_STORY = (
    r"(?:it|this|that|(?:(?:the|this|that) )?(?:whole )?(?:book|text|document|paper|article|report|novel|story|tale|play|poem"
    r"|memoir|handbook|manual))"
)
_STORY_DE = r"(?:es|(?:der|die|das|diese[rs]?) (?:buch|text|roman|geschichte|erzählung|dokument|stück|bericht|artikel))"
_STORY_FR = r"(?:l['’]histoire|(?:le|ce|cette|la) (?:livre|texte|roman|récit|document|pièce|nouvelle|article))"
_STORY_ES = r"(?:(?:el|la|este|esta) (?:libro|texto|novela|historia|relato|cuento|documento|obra))"
_BEGIN_OR_END = re.compile(
    rf"\W*(?:(?:and )?how (?:does|did) {_STORY} (?:all )?(?:(begin|start|open)|(?:end|finish|conclude))(?: up)?"
    rf"|what (?:happens|is said) (?:at|in) the (?:very )?(?:(beginning|start|opening)|(?:end|ending|conclusion))"
    rf"(?: of {_STORY})?"
    rf"|what is the (?:(beginning|opening)|(?:ending|end))(?: of {_STORY})?"
    rf"|wie (?:(beginnt|fängt) {_STORY_DE}(?: an)?|endet {_STORY_DE}|geht {_STORY_DE} (?:aus|zu ende))"
    rf"|comment (?:(commence|débute)|finit|se (?:termine|finit)) {_STORY_FR}"
    rf"|comment {_STORY_FR} (?:(commence|débute)|finit|se (?:termine|finit))(?:-t-(?:il|elle))?"
    rf"|c[oó]mo (?:(empieza|comienza)|termina|acaba) {_STORY_ES}"
    r")\W*",
    re.I,
)
_PEOPLE = re.compile(
    r"\W*(?:who (?:is|are|was|were)|who['’]s|name|list|what (?:is|are) the names? of) (?:all )?(?:the )?"
    r"(?:(?:main|most important|central|principal|chief|leading) (?:characters?|persons?|people|figures?)|characters|protagonists?"
    rf"|hero(?:es|ine)?)(?: (?:in|of) {_STORY})?\W*"
    r"|\W*(?:wer (?:ist|sind) (?:der|die) (?:haupt(?:figur(?:en)?|person(?:en)?|charaktere?)|protagonist(?:in|en)?)"
    r"|qui (?:est|sont) (?:le|les) (?:personnages? principa(?:l|ux)|protagonistes?|h[ée]ros)"
    r"|qui[eé]n(?:es)? (?:es|son) (?:el|la|los) (?:personajes? principal(?:es)?|protagonistas?))\b.*"
    r"|.*(?:主人公|登場人物)は.*",
    re.I,
)
_AUTHORS = re.compile(
    rf"\W*who (?:(?:is|are|was|were) the (?:authors?|writers?)|(?:wrote|authored|prepared|posted)"
    rf" (?:this letter|(?:this|it|the)(?: {TEXTS})?))"
    rf"(?: of (?:this letter|(?:this|the) {TEXTS}))?\W*"
    rf"|\W*who (?:is|are|was|were) (?:this|the) {TEXTS}['’]s? (?:authors?|writers?)\W*"
    r"|\W*(?:wer hat (?:das|dies\w*|es|de[nr]|die)(?: \w+)? (?:geschrieben|verfasst)|wer (?:ist|sind|war|waren) (?:der|die)"
    r" (?:autor|verfasser)(?:in(?:nen)?|en)?|qui (?:l['’]a|a) [eé]crit(?: (?:ce|cet|cette|le|la|l['’])? ?\w+)?"
    r"|qui (?:est|sont) (?:les |l['’])auteurs?|qui[eé]n(?:es)? (?:lo |la )?escribi(?:ó|o|eron)(?: (?:este|esta|el|la) \w+)?"
    r"|qui[eé]n(?:es)? (?:es|son) (?:el|la|los|las) autor(?:a|es|as)?)"
    r"(?: (?:des|der|dieser|dieses|du|de la|de l['’]|de cet?t?e?|del|de est[ea]) ?\w+)?\W*",
    re.I,
)
_CREDITS = {
    "introduction": r"(?:wrote|(?:is|was) the author of) (?:the|its) (?:introduction|preface|foreword|afterword)",
    "translator": r"(?:translated (?:this|it|the)|(?:is|are|was|were) the translators?)",
    "editor": r"(?:edited (?:this|it|the)|(?:is|are|was|were) the editors?)",
    "illustrator": r"(?:illustrated (?:this|it|the)|(?:is|are|was|were) the illustrators?"
    r"|(?:drew|made|painted) (?:the|its) (?:illustrations|pictures|drawings))",
}
_CREDIT = re.compile(
    rf"\W*(?:and )?who (?:{'|'.join(f'(?P<{role}>{words})' for role, words in _CREDITS.items())})"
    rf"(?: ?(?:(?:of|to|for|in) (?:it|(?:this|the) ))?(?:{TEXTS})?)?\W*",
    re.I,
)
_WORDS = r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,3}"
_NAME = rf"(?P<words>{_WORDS})\W*"
_PERSON = re.compile(
    r"\W*(?:who(?: or what)? (?:is|was|are|were)|who['’]s|wer (?:ist|war|sind|waren)|qui (?:est|était|sont|étaient)"
    r"|qui[eé]n(?:es)? (?:es|era|son|eran)|chi (?:è|era|sono|erano)|quem (?:é|era|são|eram)|wie (?:is|was|zijn|waren)) "
    # An article is part of a name where a capital follows: "the Lizard". Where every noun has one, it says nothing.
    r"(?:(?:the|l[ae]|el|il) (?=(?-i:[A-Z])))?"
    rf"(?!(?:the|an?|der|die|das|l[aeo]s?|el|un[ae]?|il|gli|de|het|een|os?|as?)\b){_NAME}",
    re.I,
)
_ROLE = re.compile(
    r"\W*(?:who (?:is|was|are|were)|who['’]s|wer (?:ist|war|sind|waren)|qui (?:est|était|sont|étaient)"
    r"|qui[eé]n(?:es)? (?:es|era|son|eran))"
    rf" (?:the|der|die|das|l[ae]s?|el|los) {_NAME}",
    re.I,
)
_THING = re.compile(
    r"\W*(?:what (?:is|was|are|were)|what['’]s|was (?:ist|war|sind|waren)|qu['’]est-ce qu(?:e |['’])|qué (?:es|era|son|eran)"
    r"|che cos['’]è|wat (?:is|was|zijn)) "
    rf"(?:(?:the|an?|der|die|das|eine?|l[aeo]s?|el|une?|il|de|het|een) )?{_NAME}",
    re.I,
)
_STANDS_FOR = re.compile(
    r"\W*(?:and )?(?:what (?:does|do|is|are)(?: the)?(?: (?:abbreviation|acronym|letters))? (?P<en>\S{2,12}) (?:stand|short) for"
    r"|wofür steh(?:t|en)(?: die abkürzung)? (?P<de>\S{2,12})|que signifie(?: le sigle| l['’]acronyme)? (?P<fr>[^\W\d_]+)"
    r"|qué significan?(?: las siglas| la sigla)? (?P<es>\S{2,12}))(?: here)?\W*",
    re.I,
)
_WHY = re.compile(
    r"\W*(?:(?:and|but|so|und|et|y|e) )?(?:why|for what reason|warum|wieso|weshalb|weswegen|aus welchem grund|pourquoi"
    r"|pour quelles? raisons?|por qu[eé]|perch[eé]|come mai|per quale (?:motivo|ragione))\b",
    re.I,
)
_DESCRIBED = (
    r"(?:describ\w*|characteri\w*|call\w*|pronounc\w*|abbreviat\w*|denot\w*|spell\w*|named|feel\w*|felt|look\w*|seem\w*|tastes?"
    r"|smell\w*|sound\w*|view\w*|rated?|know\w*|like)"
)
_DONE = r"(?:\w+ed|made|built|done|kept|held|chosen|found|taken|drawn|sent|paid|sold|caught)"
_MANNER = re.compile(
    r"(?:\A|[.!?]\s)\W{0,4}(?:(?:and|but|so) )?"
    rf"how (?:(?:do|does|did|can|could|should|must|would)|(?:is|are|was|were)(?=.*\b{_DONE}\b)) (?!.*\b{_DESCRIBED}\b)",
    re.I | re.S,
)
"""How something is done, not what it is like or called."""
_CHOICE = re.compile(r"\b(?:or|oder|ou|of|between|among|which|whose|first|last)\b", re.I)
_MEANS = re.compile(
    r"\W*what (?:is meant by|(?:does|do)(?=.* mean(?: here)?\W*$))(?: the (?:word|term|phrase|expression)s?)? (?:(?:the|an?) )?"
    r"(?P<words>[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,3}?)(?: mean)?(?: here)?\W*"
    r"|\W*(?:how (?:is|are|was|were)(?=.* defined\W*$)|what is the definition of) (?:(?:the|an?) )?"
    rf"(?P<defined>{_WORDS}?)(?: defined)?(?: here)?\W*",
    re.I,
)
_HAPPENS = re.compile(
    r"\W*(?:what (?:happen(?:s|ed)|(?:must|will|would|should|has to) (?:happen|(?:\w+ ){0,3}do\b|be done))"
    r"|was (?:passiert|geschieht|muss .*(?:getan|geschehen))|que (?:se passe|doit-on faire)|qué (?:pasa|ocurre|sucede))\b",
    re.I,
)
_FOLLOWS = re.compile(
    r"\W*(?:(?:and|but|so) )?(?:what (?:(?:do|does|should|must|can) (?:\w+ ){1,3}do|(?:is|are|was|were|must be|has to be) done"
    r"|happens?|comes?|follows?)(?: next)? (?:after|once)"
    r"|was (?:passiert|geschieht|kommt|folgt|mach\w* (?:ich|man)) (?:nach|nachdem|auf)"
    r"|que (?:se passe-t-il|fait-on|vient) après|qué (?:pasa|ocurre|se hace|viene) después) (?P<words>.+)",
    re.I | re.S,
)
_HAPPENED = re.compile(
    r"\W*(?:(?:and|but|so) )?(?:what happened (?:(?:next|to .{1,60}?) )?(?:after|once|when|as soon as)"
    r"|was (?:passierte|geschah),? (?:nach|nachdem|als)|que s['’]est-il passé (?:après|quand|lorsque)"
    r"|qué (?:pasó|ocurrió|sucedió) (?:después|cuando))\b",
    re.I,
)
_DOES = re.compile(r"\W*what (?:did|does|do) .{1,60} do\b", re.I)
_ARTICLE = re.compile(r"^(?:(?:the|an?|der|die|das|den|dem|eine?[nrms]?|l[ae]s?|une?|el|los|un[ao]?)\s+|l['’])", re.I)
_HELLO = re.compile(
    r"\W*(hello|hi|hey|good (morning|afternoon|evening)|hallo|guten (tag|morgen|abend)|bonjour|salut|bonsoir|hola|buenos d[ií]as"
    r"|buenas tardes|ciao|buongiorno|ol[aá]|bom dia|goedendag|こんにちは|你好)(\s+there)?\W*",
    re.I,
)
_THANKS = re.compile(
    r"\W*(thanks?( you)?( (very|so) much)?|danke( (schön|sehr))?|vielen dank|merci( beaucoup)?|(muchas )?gracias|grazie( mille)?"
    r"|(muito )?obrigad[oa]|bedankt|dank je|ありがとう(ございます)?|谢谢)\W*",
    re.I,
)
_FOLLOW_UP = re.compile(
    r"^\W*(and|but|so|what about|how about|why|und|aber|warum|et|mais|pourquoi|y|pero|e|ma|mas|en|maar)\b"
    r"|\b(he|she|it|they|him|her|his|hers|its|their|theirs|them|this|that|these|those|there|er|sie|ihn|ihm|ihr|ihre?[mnrs]?"
    r"|seine?[mnrs]?|elle|ils|elles|lui|leurs?|él|ella|ellos|ellas)\b|彼|彼女|それ",
    re.I,
)
_NO_QUOTES = str.maketrans("", "", '“”„«»"')
LAST = -1
"""The number of the last page or chapter."""

_YES_OR_NO = re.compile(
    r"\W*(?:(?:and|but|so|und|et|y) )?(?:"
    r"(?:am(?= i\b)|is|are|was|were|do|does|did|has|have|had|can|could|may|might|must|shall|should|will|would)(?:n['’]t)?"
    r"|ist|sind|war|waren|hat|haben|hatten?|kann|können|darf|dürfen|muss|müssen|soll|sollte|wird|werden|gibt es|gab es"
    r"|brauch(?:e|t|en)|benötig(?:e|t|en)"
    r"|è|sono|era(?:no)?|ha|hanno|può|possono|deve|devono|c['’]è|ci sono"
    r"|est-ce qu(?:e|(?=['’]))|[^\W\d_]+-(?:t-)?(?:je|nous|vous|il|elle|on|ils|elles)|y a-t-il"
    r"|es|est[áa]n?|hay|había|tienen?|puede[ns]?|fue|era|debe[ns]?|se (?:permiten?|puede[ns]?|admiten?|aceptan?|deben?|necesitan?)"
    r"|necesito|necesitamos|puedo|podemos|debo|debemos|tengo que|tenemos que"
    r")\b.+",
    re.I | re.S,
)
_LEAVE = re.compile(
    r"\W*(?:(?:and|but|so|und|et|y) )?(?:(?:can|could|may|must|shall|should)\b"
    r"|(?:am|are|is) .*\b(?:allowed|permitted|entitled|required|obliged|supposed)\b|(?:do|does) .*\b(?:have|need) to\b"
    r"|darf|dürfen|kann|können|muss|müssen|soll(?:en)?|brauch(?:e|t|en)"
    r"|(?:est-ce qu(?:e |['’])\w+ )?(?:peu[tx]|peuvent|doi(?:s|t|vent))\b"
    r"|(?:puis|pouvons|pouvez|devons|devez)-|faut-il|ai-je le droit|(?:se )?pued[eo]|podemos|deb[eo]|tengo que|está permitido)",
    re.I | re.S,
)
_ASKING = (
    r"who|whom|whose|what|when|where|which|why|how|wer|wem|wen|was|wann|wo|welche\w*|warum|wie|qui|quand|où|quel\w*"
    r"|pourquoi|comment|combien|qui[eé]n|qué|cu[aá]l|cu[aá]ndo|c[oó]mo|d[oó]nde|cu[aá]nt\w*"
)
# Behind another word these words begin a relative clause: "Do they keep the pairs whose distance is short?"
_SAYING = (
    r"and|but|und|aber|et|mais|y|pero|says?|said|tells?|told|states?|stated|mention\w*|explain\w*|describ\w+|discuss\w*|shows?"
    r"|gives?|knows?|known|specif\w+|reveals?|names?|indicat\w+|clear|sagt?|steht|weiß|erklärt|erwähnt|beschreibt|bekannt|dit"
    r"|explique|précise|sait|décrit|dice|explica|sabe|describe"
)
_OPEN = re.compile(
    rf"\b(?:{_SAYING}) (?:\w+ ){{0,2}}(?:{_ASKING})\b|^\W*\w+ (?:{_ASKING})\b|\b(?:or|oder|ou)\b"
    r"|\?\W{0,20}\w|\bif (?:yes|so|not|no)\b"
    r"|^\W*(?:can|could|will|would|do) you (?:please )?(?:tell|list|give|explain|summari[sz]e|show|name|describe|find|say|write"
    r"|help|know|think|make|translate|compare|quote)\b"
    r"|^\W*was (?:ist|sind|war|waren|wird|wurde|hat|haben|kann|soll|muss|will|gibt|\w{3,}(?:et|cht|iert|sagt|kommt|steht))\b",
    re.I,
)


def is_yes_or_no(question: str) -> bool:
    """Whether a question asks for yes or no, and for nothing else: not "Is it red or blue?", and not "Can you list them?"."""
    return bool(_YES_OR_NO.fullmatch(question)) and not _OPEN.search(question)


def asks_leave(question: str) -> bool:
    """Whether a question for yes or no asks what somebody may or must do."""
    return is_yes_or_no(question) and bool(_LEAVE.match(question))


def asks_what_happens(question: str) -> bool:
    """Whether a question asks what happens or has to be done, so that a word or two cannot answer it."""
    return bool(_HAPPENS.match(question) or followed(question)) or asks_what_happened(question)


def asks_what_happened(question: str) -> bool:
    """Whether a question asks what happened after or when something else did, as in a story."""
    return bool(_HAPPENED.match(question))


def followed(question: str) -> str:
    """What a question asks what is done or comes after: "the dough has risen" of "What do I do after the dough has risen?"; "" for
    others."""
    found = _FOLLOWS.fullmatch(question)
    return found["words"] if found else ""


def asks_why(question: str) -> bool:
    """Whether a question asks for a reason."""
    return bool(_WHY.match(question))


def asks_for_manner(question: str) -> bool:
    """Whether a question asks how something is done; in English."""
    return bool(_MANNER.search(question))


def role_asked(question: str) -> str:
    """The role, as in `title_pages.credited`, that a question asks who has in the document, and not for its title or its date."""
    return _credit_asked(question) or ("author" if _FRONT.search(question) and _WROTE.search(question) else "")


def offers_choice(question: str) -> bool:
    """Whether a question may name what to choose from, so that its own words can answer it."""
    return bool(_CHOICE.search(question))


def said_about(question: str) -> str:
    """What a question asks the document's statements about: "patents" of "What does it say about patents?"; "" for others."""
    found = _SAID.fullmatch(bare(question))
    return _ARTICLE.sub("", found["words"].rstrip(string.punctuation + QUOTES)) if found else ""


@dataclass(frozen=True)
class Request:
    """What a question asks for."""

    kind: Kind
    number: int | None = None
    """Of the page or the chapter; `LAST` for the last one."""
    is_overview: bool = False
    """Whether it asks what the place or the document says, and not for a detail there."""
    words: str = ""
    """What is to be found, for `mentions`, `person`, `role`, `thing` and `abbreviation`; for a chapter its number as printed, where
    it has parts (3.2), or its title, where no number is asked for; for `front` who is asked for, such as `author`, or
    `DATE`, and nothing else."""
    day: Day | None = None
    """The day that a question names."""


def understand(question: str) -> Request:
    """What a question asks for."""
    if _HELLO.fullmatch(question):
        return Request("hello")
    if _THANKS.fullmatch(question):
        return Request("thanks")
    if found := _MENTIONS.fullmatch(question):
        words = _ARTICLE.sub("", next(words for words in found.groups() if words).lstrip(QUOTES)).strip(QUOTES)
        return Request("mentions", is_overview=True, words=words) if words else Request("detail")
    if found := _TITLED.fullmatch(question) or _NAMED_PART.fullmatch(question):
        return Request("chapter", is_overview=True, words=found["title"])
    if _CONCLUDES.fullmatch(question):
        return Request("chapter", is_overview=True, words="conclusions")
    if numbered := _numbered(question):
        return numbered
    if found := _CLAIM.fullmatch(question):
        return Request("claim", is_overview=True, words=found.lastgroup or "")
    if role := _credit_asked(question) or (DATE if _WRITTEN.fullmatch(question) else ""):
        return Request("front", is_overview=True, words=role)
    if _FRONT.search(question):
        return Request("front")
    if found := _BEGIN_OR_END.fullmatch(question):
        return Request("beginning" if any(found.groups()) else "end", is_overview=True)
    if _PEOPLE.fullmatch(question):
        return Request("people", is_overview=True)
    plain = question.translate(_NO_QUOTES)
    if found := _STANDS_FOR.fullmatch(plain):
        words = next(words for words in found.groups() if words).rstrip("?.!")
        return Request("abbreviation", is_overview=True, words=words)
    for kind, pattern in (("person", _PERSON), ("role", _ROLE)):
        if (found := pattern.fullmatch(plain)) and not _FOLLOW_UP.search(words := found[found.lastgroup or 0]):
            return Request(kind, is_overview=True, words=words)  # type: ignore[arg-type]
    if (found := _MEANS.fullmatch(plain) or _THING.fullmatch(plain)) and not (
        _FOLLOW_UP.search(words := found[found.lastgroup or 0]) or asks_for_whole(question)
    ):
        return Request("thing", is_overview=True, words=words)
    return _of_all_or_a_day(question)


def _numbered(question: str) -> Request | None:
    """What a question asks for that names a page or a chapter by its number."""
    for kind, pattern in (("page", _PAGE), ("chapter", _CHAPTER)):
        if found := pattern.search(question):
            rest = question[: found.start()] + " " + question[found.end() :]
            is_overview = bool(WHOLE.search(rest)) or not details(rest)
            named = found["number"] or found["cjk"] or (found["nth"] if kind == "chapter" else "")
            number = 1 if found["first"] else number_of(named) if named else LAST
            printed = found[0].split()[-1] if kind == "chapter" and found["parts"] else ""
            return Request(kind, number, is_overview, printed)  # type: ignore[arg-type]
    return None


def _credit_asked(question: str) -> str:
    """The role, as in `title_pages.credited`, if a question asks who has it in the document, and nothing else."""
    if _AUTHORS.fullmatch(question):
        return "author"
    found = _CREDIT.fullmatch(question)
    return found.lastgroup or "" if found else ""


def _of_all_or_a_day(question: str) -> Request:
    if _OUTLINE.search(question) and not _ONE_CHAPTER.match(question):
        return Request("outline", is_overview=True)
    if asks_for_whole(question):
        return Request("whole", is_overview=True)
    if named := day_in(question):
        day, rest = named
        return Request("day", is_overview=not details(rest) or bool(_DOES.match(rest)), day=day)
    return Request("detail")


def as_decoders_take_it(question: str) -> str:
    """A question in the words that the decoders understand best: beside a title and names they refuse to say who wrote it."""
    return "What are the names of the authors?" if _AUTHORS.fullmatch(question) else with_cost(question)


def searched(question: str, earlier: Sequence[tuple[str, str]]) -> str:
    """What to look for, for a question: where it leans on the (question, answer) turn before it, that turn's words, too."""
    if not earlier or not (_FOLLOW_UP.search(question) or set(content_words(question)) <= STOP_WORDS):
        return question
    before, answer = earlier[-1]
    return " ".join([question, before, "" if says_nothing(answer) else answer])
