"""Rewritings of a text that keep what it asks: encodings, obfuscations, noise, and how to read an answer written in one.

All are pure: equal text, equal seed, equal result. Attacks and out-of-distribution tests use them.
"""

from precepts.transforms.encodings import ENCODINGS, Encoding, decode_base64, decode_rot13
from precepts.transforms.noise import disemvowelled, homoglyphs, payload, perturbed, spaced, zero_width

__all__ = [
    "ENCODINGS",
    "Encoding",
    "decode_base64",
    "decode_rot13",
    "disemvowelled",
    "homoglyphs",
    "payload",
    "perturbed",
    "spaced",
    "zero_width",
]
"""Names of what this room gives."""
