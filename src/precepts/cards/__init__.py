"""The system card: evidence rendered as one page that a person reads and one document that a program reads.

A card reads nothing but Evidence for its numbers. `build_card` writes `card.html` (one file, no network, no JavaScript)
and `card.json` from the same context, so that they cannot disagree; the same input gives the same bytes.
"""

from precepts.cards.build import CardPaths, build_card
from precepts.cards.context import Card, make_card
from precepts.cards.examples import Example, Output
from precepts.cards.facts import Facts

__all__ = ["Card", "CardPaths", "Example", "Facts", "Output", "build_card", "make_card"]
