"""Texts that stand for missing words or for a song without words, and names that stand for no artist.

A text is a placeholder if it has no words, is a known mark of a missing value, or is a short statement of
one of two forms, in which every word is a word of such statements:

    instrumental    "instrumental" with words such as "this track is", "version", "break"
    missing         "lyrics" with words such as "no", "not", "yet", "unavailable", "sorry"

"No lyrics can say what I found in you" has other words, so it is a poem.
"""

from __future__ import annotations

import re

_LONGEST = 400
_MOST_LINES = 4
_MOST_LINES_OF_A_STATEMENT = 2

_WORDS = re.compile(r"[^\W\d_]+")
_MISSING_VALUE = re.compile(
    r"\\N|#(?:N/A|NAME\?|REF!|VALUE!|NULL!|DIV/0!)|<(?:NA|null)>|(?:n[./]?a\.?|nan|none|null|nil|undefined)\W*",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"empty|error|test|lyrics|lyric|deleted|removed|missing|unavailable|unreleased|unknown|untitled"
    r"|tba|tbd|tbc|na|n a|none|nan|null|nil|undefined|placeholder|not available|not found|none found"
    r"|no result|no results|no results found|song not found|track not found|page not found"
    r"|content not available|content unavailable|coming soon|no text|no content|no words|no vocals"
    r"|not yet transcribed|to be added|copyrighted"
)
_INSTRUMENTAL = re.compile(r"(?:purely )?instr?umental\w{0,3}|инструментал\w*|strumentale|instrumentaal")
_MUSIC = frozenset(
    """
    a all an and are as break bridge completely dub entire entirely episode fully interlude intro
    is it its just lyric lyrics music musical no only or outro part piece pure purely section sing
    solo song sorry the there this to track tune version vocal vocals with without word words
    """.split()  # noqa: SIM905
)
_SUBJECT = frozenset(("lyric", "lyrics"))
_NEGATION = frozenset(
    """
    arent cannot cant couldnt currently deleted didnt doesnt dont empty error havent isnt missing n
    na no none not oops removed soon sorry tba unable unavailable unfortunately unknown unreleased
    without yet
    """.split()  # noqa: SIM905
)
_STATEMENT = (
    _SUBJECT
    | _NEGATION
    | _MUSIC
    | frozenset(
        """
        able about access add added adding after again allowed any anymore anyone are artist at
        available back be because been being but by can check checking come coming complete contains
        contribute copyright copyrighted could currently daily database display do does due find for
        found free from full future get got had has have having help here holder holders hopefully how
        however if in instrumental instrumentals issue issues know later legal let licence license
        licensed licensing lyricists may moderator moderators moment more must need new now of off on
        once one ones order other our out owner page permission please possible posted present provide
        provided publish published publisher put re reason reasons received released request requested
        restriction restrictions right rights search send show site so some soon still submit submitted
        support system temporarily text that their them then these they time to today transcribed try
        up update updated upload uploaded us ve very via view was we website were weve whole will wish
        would yet you your
        """.split()  # noqa: SIM905
    )
)
_OTHER_LANGUAGES = re.compile(
    r"letras? (?:no|não|nao) (?:disponibles?|disponíve(?:l|is)|encontradas?)|letras? indisponíve(?:l|is)"
    r"|sin letra|no hay letra|(?:música )?instrumental|paroles (?:non disponibles|indisponibles|introuvables)"
    r"|pas de paroles|(?:kein|keine) (?:text|songtext|liedtext|lyrics)(?: (?:verfügbar|vorhanden|gefunden))?"
    r"|(?:text|songtext|liedtext|lyrics) (?:ist )?nicht (?:verfügbar|vorhanden|gefunden)"
    r"|testo non (?:disponibile|trovato)|nessun testo|geen (?:tekst|songtekst)(?: (?:beschikbaar|gevonden))?"
    r"|brak tekstu|tekst niedostępny|sözleri? (?:bulunamadı|yok)"
    r"|(?:текст(?: песни)? )(?:отсутствует|не найден|недоступен)|(?:нет|без) (?:текста|слов)|слов нет"
    r"|(?:此|该|本)?(?:歌曲|歌|曲)?(?:为|是)?(?:没有填词的)?纯音乐(?:无歌词)?(?:请您?欣赏)?|(?:暂无|没有|无)歌词|歌词(?:暂无|未找到|不存在)"
    r"|歌詞(?:なし|はありません|がありません)|インストゥルメンタル|가사 ?(?:없음|가 없습니다)"
)
_CREDIT = re.compile(
    r"^\W*(?:(?:words|music|lyrics)(?: (?:and|&) (?:words|music|lyrics))?|written|composed|produced) by\b.*"
    r"|^\W*(?:composers?|writers?|producers?)\s*:.*",
    re.IGNORECASE | re.MULTILINE,
)
_NO_ARTIST = re.compile(
    r"\\N|#?n/a|nan|none|null|nil|undefined|<(?:na|null|unknown)>|unknown|unknown artists?|artist unknown"
    r"|no artist|various|various artists?|v\.?/?a\.|v/a|\[(?:unknown|no artist|various artists)\]"
    r"|[-_–—.?\[\]{}'\"]{1,3}",
    re.IGNORECASE,
)


def is_placeholder(text: str) -> bool:
    """Whether a text stands for missing words or for a song without words; an empty text does not."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return False
    if not _WORDS.search(text) and len(re.findall(r"\d+(?:\.\d+)?", text)) <= 1:
        return True
    if _MISSING_VALUE.fullmatch(text.strip("\"'`[](){}<> ") or text):
        return True
    lines = sum(1 for line in text.split("\n") if line.strip())
    if lines > _MOST_LINES:
        return False
    words = _words(_CREDIT.sub("", text)) or _words(text)
    statement = " ".join(words)
    if (
        _ALONE.fullmatch(statement)
        or _OTHER_LANGUAGES.fullmatch(statement)
        or _OTHER_LANGUAGES.fullmatch("".join(words))
    ):
        return True
    rest = [word for word in words if not _INSTRUMENTAL.fullmatch(word)]
    if len(rest) < len(words) and _MUSIC.issuperset(rest):
        return True
    return (
        lines <= _MOST_LINES_OF_A_STATEMENT
        and not _SUBJECT.isdisjoint(words)
        and not _NEGATION.isdisjoint(words)
        and _STATEMENT.issuperset(rest)
    )


def folded(text: str) -> str:
    """Return a short text on one line without case and punctuation; "" for any other text.

    A text of three words or more that is the same under several artists is a placeholder.
    """
    if len(text) > _LONGEST or "\n" in text.strip():
        return ""
    words = _words(text)
    return " ".join(words) if len(words) > 2 else ""


def is_no_artist(name: str) -> bool:
    """Whether a name in the place of an artist stands for none, or for several that are not told."""
    return _NO_ARTIST.fullmatch(name.strip()) is not None


def _words(text: str) -> list[str]:
    return _WORDS.findall(re.sub(r"['’‘`]", "", text.casefold()))
