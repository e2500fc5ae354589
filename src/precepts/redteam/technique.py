"""What an attack technique is, and how techniques are composed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from precepts.errors import InputError

NOT_APPLIED = "not_applied"
"""The key in a sample's metadata that says why an attack was not made. Such a sample is no pass and no success."""

Family = Literal["none", "encoding", "obfuscation", "perturbation", "persona", "structure", "combination", "many_shot", "in_the_wild", "adaptive",
                 "persuasion", "translation", "gradient"]  # fmt: skip


class Attacked(NamedTuple):
    """A request as an attack puts it, and how to read the answer: `decode` gives the plain text, or None where the answer was plain."""

    prompt: str
    decode: Callable[[str], str | None] | None = None

    def read(self, answer: str) -> str:
        """The answer in plain words, as far as it can be told."""
        plain = self.decode(answer) if self.decode else None
        return answer if plain is None else plain


class Technique(NamedTuple):
    """One way to attack.

    Attributes:
        name: What reports and `--attack` call it.
        family: Kind of attack.
        apply: Makes the attacked request from a request and a seed. None where a helper is needed.
        needs: What it cannot do without: an Inspect role, a data set, a local model with gradients. Empty for the static ones.
        source: Where the family is described.
    """

    name: str
    family: Family
    apply: Callable[[str, int], Attacked] | None = None
    needs: str = ""
    source: str = "StrongREJECT: Souly et al. 2024, arXiv 2402.10260"


def compose(name: str, known: Mapping[str, Technique]) -> Technique:
    """The technique of this name; `a+b` applies a to the request and b to what comes out, and decodes in the reverse order.

    Raises:
        InputError: If a part is unknown, or needs a helper and stands in a composition.
    """
    parts = [part.strip() for part in name.split("+")]
    unknown = [part for part in parts if part not in known]
    if unknown:
        raise InputError(
            f"There is no attack {', '.join(unknown)!r:.80}. Attacks are: {', '.join(sorted(known))}; join static ones with +."
        )
    if len(parts) == 1:
        return known[parts[0]]
    chosen = [known[part] for part in parts]
    helped = [one.name for one in chosen if one.apply is None]
    if helped:
        raise InputError(
            f"{name}: {', '.join(helped)} needs {known[helped[0]].needs} and cannot be composed. Join static attacks only."
        )

    def apply(request: str, seed: int) -> Attacked:
        made = [Attacked(request)]
        for one in chosen:
            assert one.apply is not None, "checked above"
            made.append(one.apply(made[-1].prompt, seed))

        def decode(answer: str) -> str | None:
            text = answer
            for step in reversed(made):
                text = step.read(text)
            return text if text != answer else None

        return Attacked(made[-1].prompt, decode)

    return Technique(
        "+".join(parts), "combination", apply, source="; ".join(dict.fromkeys(one.source for one in chosen))
    )
