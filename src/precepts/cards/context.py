"""The card as a value: everything that the page and the document show, computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from precepts.cards.decision import Decision
from precepts.cards.examples import ShownExample, show_examples
from precepts.cards.facts import Facts, read_facts
from precepts.cards.panels import Plots, make_plots
from precepts.cards.recompute import Recipes, make_recipes
from precepts.cards.sections import Coverage, coverage, is_core
from precepts.cards.tables import Tables, make_tables
from precepts.cards.text import visible
from precepts.cards.verdict import Verdict, make_verdict
from precepts.policy import Policy
from precepts.types import DISPOSITIONS, Evidence


@dataclass(frozen=True)
class PolicyCard:
    """The policy that was measured against: which, who decided it, and for what."""

    id: str
    version: str
    title: str
    digest: str
    decided_by: str
    decided_on: str
    trade_off: str
    categories: int
    clauses: int
    kinds: dict[str, int]


@dataclass(frozen=True)
class Card:
    """A card, ready to be rendered."""

    title: str
    policy: PolicyCard
    verdict: Verdict
    facts: Facts
    evidence: tuple[Evidence, ...]
    models: tuple[str, ...]
    tables: Tables
    plots: Plots
    examples: tuple[ShownExample, ...]
    num_examples: int
    revealed: bool
    recipes: Recipes
    coverage: tuple[Coverage, ...]
    decision: Decision | None

    def document(self) -> dict[str, object]:
        """What card.json holds: the same values that the page shows, evidence in full."""
        decided = self.decision
        return {
            "v": 1,
            "title": self.title,
            "policy": asdict(self.policy),
            "verdict": asdict(self.verdict),
            "facts": self.facts.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
            "evidence": [row.model_dump(mode="json") for row in self.evidence],
            "examples": [asdict(example) for example in self.examples],
            "revealed": self.revealed,
            "coverage": [asdict(section) for section in self.coverage],
            "decision": decided.document() if decided else None,
            "situation": decided.situation.model_dump(mode="json") if decided else {},
        }


def make_card(
    *,
    title: str,
    policy: Policy,
    evidence: Sequence[Evidence],
    examples: Sequence[Mapping[str, object]],
    facts: Mapping[str, object],
    reveal: bool = False,
    decision: Decision | None = None,
) -> Card:
    """The card of some evidence under a policy; see `build_card` for the arguments."""
    tables = make_tables(evidence, policy)
    known = read_facts(facts)
    core = [row for row in evidence if is_core(row)]
    verdict = make_verdict(core, f"{policy.id} {policy.version}")
    if evidence and not core:
        said = f"No rate of what the model refuses and answers was measured; {len(evidence):,} numbers of other kinds stand below."
        verdict = replace(verdict, sentences=(said,))
    titles = {category.id: category.title for category in policy.categories}
    return Card(
        title=visible(title),
        policy=_policy_card(policy),
        verdict=verdict,
        facts=known,
        evidence=tuple(evidence),
        models=tuple(dict.fromkeys(row.model for row in evidence)),
        tables=tables,
        plots=make_plots(core, tables, known, titles=titles, arm=verdict.arm),
        examples=show_examples(examples, reveal=reveal),
        num_examples=len(examples),
        revealed=reveal,
        recipes=make_recipes(evidence),
        coverage=coverage(evidence, shipped=_shipped(evidence, decision)),
        decision=decision,
    )


def _shipped(evidence: Sequence[Evidence], decision: Decision | None) -> int:
    """How many rates of the judges are shown that no row of evidence holds: those that come with the shipped ones."""
    if decision is None or any(row.claim.startswith("judge/") for row in evidence):
        return 0
    rates = [rate for one in decision.judges for rate in (one.sensitivity, one.specificity)]
    return sum(rate is not None and rate.value is not None for rate in rates)


def _policy_card(policy: Policy) -> PolicyCard:
    kinds = Counter(clause.kind for clause in policy.clauses)
    return PolicyCard(
        policy.id, policy.version, policy.title, policy.digest,
        policy.decided.by, policy.decided.on.isoformat(), policy.decided.trade_off,
        len(policy.categories), len(policy.clauses), {kind: kinds[kind] for kind in DISPOSITIONS},
    )  # fmt: skip
