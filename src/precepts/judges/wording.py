"""Text made plain for rules: one kind of apostrophe, no markup, no quotations, cut into sentences."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 20_000
"""Rules read no further than this; what a model wrote has no bound of its own."""

_SIGNS = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "＇": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028\u2029\u2060\ufeff]")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_MARKUP = re.compile(r"[*_#>~]+")
_QUOTED = re.compile(r'"[^"]{1,600}"|(?<!\w)\'(?=\w)(?:[^\'\n]|(?<=\w)\'(?=\w)){2,300}\'(?!\w)')
_SENTENCE = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|\n+|(?<=[。！？])")
_SPEAKER = re.compile(r"^\s*([A-Z][\w'.-]{0,20}(?: [A-Z][\w'.-]{0,20}){0,2}):[ \t]", re.MULTILINE)


def plain(text: str) -> str:
    """The text with straight quotes, without invisible signs, code blocks and markup; at most `MAX_CHARS` long."""
    text = unicodedata.normalize("NFKC", text[:MAX_CHARS]).translate(_SIGNS)
    text = _CODE.sub("\n", _INVISIBLE.sub("", text))
    return _MARKUP.sub("", text).strip()


def unquoted(text: str) -> str:
    """Plain text without its quotations: what is quoted is not what the answer itself says.

    A text that is one quotation from end to end is what the answer says, and stays.
    """
    inner = text[1:-1]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in re.sub(r"\w'\w", "", inner):
        return inner.strip()
    return _QUOTED.sub('""', text)


def speakers(text: str) -> list[str]:
    """The names that stand before a colon at line beginnings, in order: more than one makes a dialogue."""
    return list(dict.fromkeys(_SPEAKER.findall(text)))


def without_speaker(text: str) -> str:
    """The text without the one name it is spoken under."""
    return _SPEAKER.sub("", text)


def sentences(text: str) -> list[str]:
    """Sentences and lines, without those that hold no letter or digit."""
    return [part.strip() for part in _SENTENCE.split(text) if part and re.search(r"\w", part)]


def words(text: str) -> list[str]:
    """Lower-case words; signs of scripts without spaces count one by one."""
    return re.findall(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+(?:'[^\W_]+)?", text.casefold())
