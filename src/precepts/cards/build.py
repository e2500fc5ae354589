"""From evidence to `card.html` and `card.json`."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import jinja2
from markupsafe import Markup

from precepts.cards.context import Card, make_card
from precepts.cards.decide.judged import quality_of
from precepts.cards.decision import SAID
from precepts.cards.sections import SECTIONS
from precepts.cards.text import visible
from precepts.policy import Policy
from precepts.runs import Run, to_json, write_atomic
from precepts.types import Evidence, Metric

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class CardPaths:
    """Where a card was written."""

    html: Path
    json: Path


def build_card(
    run: Run,
    *,
    title: str,
    policy: Policy,
    evidence: Sequence[Evidence],
    examples: Sequence[Mapping[str, object]],
    facts: Mapping[str, object],
    reveal: bool = False,
) -> CardPaths:
    """Writes `card.html` and `card.json` into the run's directory and says where they are.

    Args:
        run: Whose directory they go to.
        title: The heading.
        policy: What was measured against.
        evidence: Every number of the card. `slice` holds `arm` and `set`, where needed `category`; a row with a
            `baseline` is a difference from that arm on the same cases.
        examples: Rows as `Example`: `case_id`, `category`, `prompt`, `expected`, and by arm in `outputs` the `cot`,
            `answer`, `verdict` and whether it `refused`. The first twenty are shown.
        facts: What else the card is told, all optional; see `Facts`.
        reveal: Show also what the withholding rule of `show_examples` would leave out.

    Raises:
        InputError: If a fact or an example has not the form the card shows.
    """
    card = make_card(title=title, policy=policy, evidence=evidence, examples=examples, facts=facts, reveal=reveal)
    paths = CardPaths(run.path / "card.html", run.path / "card.json")
    write_atomic(paths.json, to_json(card.document(), indent=1) + "\n")
    write_atomic(paths.html, render(card))
    return paths


def render(card: Card) -> str:
    """The page. Every value goes through `visible` and is then escaped; nothing but our own plots goes in as markup."""
    css = (_HERE / "card.css").read_text("utf-8")
    titles = {section.id: section.title for section in SECTIONS}
    judges = card.decision.judges if card.decision else ()
    used = dict.fromkeys(row.judge for row in card.evidence if row.judge)
    return _environment().get_template("card.html.j2").render(
        card=card, css=Markup(css), shares=_shares(card), titles=titles, said=SAID,
        corrected=any(row.claim.endswith("_corrected") for row in card.evidence),
        unmeasured_judges=[name for name in used if not quality_of(name, judges)],
    )  # fmt: skip


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fact"] = fact_text
    environment.filters["svg"] = Markup
    environment.filters["metric"] = metric_text
    return environment


def _finalize(value: object) -> object:
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def fact_text(value: object) -> str:
    """A fact as text: a number as people write it, a metric with its interval and n, anything else as JSON."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        metric = cast("Mapping[str, object]", value)
        if "value" in metric:
            known = metric.get("low") is not None
            interval = f" [{fact_text(metric['low'])}, {fact_text(metric.get('high'))}]" if known else ""
            number = f", n {fact_text(metric['n'])}" if "n" in metric else ""
            return f"{fact_text(metric['value'])}{interval}{number}"
        if metric and all(isinstance(one, Mapping) and "value" in one for one in metric.values()):
            return "; ".join(f"{name} {fact_text(one)}" for name, one in metric.items())
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def metric_text(metric: Metric | None) -> str:
    """`0.77 [0.64, 0.86], n 60`, or that it was not measured."""
    if metric is None or metric.value is None:
        return "not measured"
    known = metric.low is not None and metric.high is not None
    interval = f" [{metric.low:.2f}, {metric.high:.2f}]" if known else ""
    return f"{metric.value:.2f}{interval}, n\u00a0{metric.n:,}"


def _shares(card: Card) -> list[tuple[str, int, float]]:
    """The stages of the data that are known, with their share of the largest in percent."""
    counts = card.facts.counts
    if counts is None:
        return []
    stages = (("cases", counts.cases), ("generated", counts.generated), ("kept for training", counts.kept))
    known = [(name, number) for name, number in stages if number is not None]
    most = max((number for _, number in known), default=0)
    return [(name, number, round(100 * number / most, 1) if most > 0 else 0.0) for name, number in known]
