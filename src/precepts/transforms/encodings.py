"""Codes that can be read back: base64, rot13, hexadecimal, Morse, and others that a reader undoes in the head."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable
from typing import NamedTuple

_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){8,}")
_MOST_COMMON = {
    "the",
    "and",
    "you",
    "for",
    "that",
    "with",
    "are",
    "can",
    "not",
    "this",
    "have",
    "but",
    "sorry",
    "help",
    "to",
    "of",
    "is",
    "in",
}

MORSE = {
    "a": ".-", "b": "-...", "c": "-.-.", "d": "-..", "e": ".", "f": "..-.", "g": "--.", "h": "....", "i": "..", "j": ".---", "k": "-.-",
    "l": ".-..", "m": "--", "n": "-.", "o": "---", "p": ".--.", "q": "--.-", "r": ".-.", "s": "...", "t": "-", "u": "..-", "v": "...-",
    "w": ".--", "x": "-..-", "y": "-.--", "z": "--..", "0": "-----", "1": ".----", "2": "..---", "3": "...--", "4": "....-", "5": ".....",
    "6": "-....", "7": "--...", "8": "---..", "9": "----.",
}  # fmt: skip
_LETTERS = {code: letter for letter, code in MORSE.items()}


class Encoding(NamedTuple):
    """A code and its way back. `decode` gives None where the text holds nothing in the code."""

    encode: Callable[[str], str]
    decode: Callable[[str], str | None]


def encode_base64(text: str) -> str:
    """The text's UTF-8 bytes in base64."""
    return base64.b64encode(text.encode()).decode()


def decode_base64(text: str) -> str | None:
    """The longest run of base64 in a text that decodes to UTF-8, decoded; None if there is none."""
    joined = re.sub(r"(?<=[A-Za-z0-9+/])\n(?=[A-Za-z0-9+/])", "", text)
    for run in sorted(_BASE64.findall(joined), key=len, reverse=True):
        body = run.rstrip("=")
        try:
            found = base64.b64decode(body + "=" * (-len(body) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if found.isprintable() or "\n" in found:
            return found
    return None


def rot13(text: str) -> str:
    """Each Latin letter moved by 13 places; its own inverse."""
    return codecs.encode(text, "rot13")


def decode_rot13(text: str) -> str | None:
    """The text moved back, if that makes more common English words of it; None if it was plain."""

    def common(of: str) -> int:
        return sum(word in _MOST_COMMON for word in re.findall(r"[a-z']+", of.lower()))

    back = rot13(text)
    return back if common(back) > common(text) else None


def encode_hex(text: str) -> str:
    """The text's UTF-8 bytes as pairs of hexadecimal digits."""
    return text.encode().hex(" ")


def decode_hex(text: str) -> str | None:
    """The longest run of hexadecimal pairs that decodes to UTF-8, decoded; None if there is none."""
    for run in sorted(_HEX.findall(text), key=len, reverse=True):
        digits = re.sub(r"[\s:]", "", run)
        try:
            found = bytes.fromhex(digits[: len(digits) // 2 * 2]).decode()
        except ValueError:
            continue
        if found.isprintable() or "\n" in found:
            return found
    return None


def encode_morse(text: str) -> str:
    """Letters and digits in Morse code, words apart by `/`; other marks are lost."""
    words = re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))
    return " / ".join(" ".join(MORSE[letter] for letter in word) for word in words)


def decode_morse(text: str) -> str | None:
    """The words of a text in Morse code, lower case; None if most of it is none."""
    words = [word.split() for word in text.strip().split("/")]
    signs = [sign for word in words for sign in word]
    known = [sign for sign in signs if sign in _LETTERS]
    if len(known) < 8 or len(known) < 0.8 * len(signs):
        return None
    return " ".join("".join(_LETTERS.get(sign, "") for sign in word) for word in words).strip()


def leetspeak(text: str) -> str:
    """Some letters as digits that look like them."""
    return text.translate(str.maketrans("aeiostAEIOST", "431057431057"))


def _unleet(text: str) -> str | None:
    back = re.sub(
        r"(?<=[A-Za-z0-9])[0134570-9](?=[A-Za-z0-9])|\b[0134570-9](?=[A-Za-z])",
        lambda m: m[0].translate(str.maketrans("431057", "aeiost")),
        text,
    )
    return back if back != text else None


def reversed_text(text: str) -> str:
    """The characters in reverse order; its own inverse."""
    return text[::-1]


def _unreversed(text: str) -> str | None:
    def common(of: str) -> int:
        return sum(word in _MOST_COMMON for word in re.findall(r"[a-z']+", of.lower()))

    return text[::-1] if common(text[::-1]) > common(text) else None


ENCODINGS: dict[str, Encoding] = {
    "base64": Encoding(encode_base64, decode_base64),
    "rot13": Encoding(rot13, decode_rot13),
    "hex": Encoding(encode_hex, decode_hex),
    "morse": Encoding(encode_morse, decode_morse),
    "leetspeak": Encoding(leetspeak, _unleet),
    "reversed": Encoding(reversed_text, _unreversed),
}
"""Every encoding by name."""
