"""`precepts card`, `precepts gate` and `precepts risk`: runs in, verdicts and a card that can be verified out."""

from __future__ import annotations

import datetime
import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from precepts.cards import make_card
from precepts.cards.build import render
from precepts.cards.bundle import LOG, SIGNATURE, STATEMENT, Withheld, append, make_statement, sign, withhold
from precepts.cards.context import Card
from precepts.cards.decide import JudgeQuality, RiskPolicy, Situation, judge_qualities, load_gates, load_risk
from precepts.cards.decide.files import risk_path
from precepts.cards.decide.gating import Check
from precepts.cards.decision import decide
from precepts.cards.examples import redacted
from precepts.cards.markdown import markdown
from precepts.cards.pdf import browser, print_pdf
from precepts.cards.sources import EVIDENCE, Source, checker, pooled, read_sources
from precepts.errors import InputError, MissingError
from precepts.judges import rules_quality
from precepts.judges.card import JUDGE_CARD, is_judge_card
from precepts.judges.rules import RULES
from precepts.pipelines.align import card_facts
from precepts.pipelines.config import config_of
from precepts.pipelines.examples import card_examples
from precepts.policy import load_policy, yaml_bytes
from precepts.runs import Run, file_digest, read_jsonl, to_json, write_atomic
from precepts.types import Evidence

BUNDLE, POLICY, GATES, RISK, EXAMPLES = "bundle.json", "policy.yaml", "gates.yaml", "risk.yaml", "examples.jsonl"
PAGE, DOCUMENT, MARKDOWN, PAPER = "card.html", "card.json", "card.md", "card.pdf"
_MANIFESTS = ("plan.json", "run.json", "policy.yaml", "command.txt", "curve.jsonl", JUDGE_CARD, "decision.json")
"""What says how a run was made: its plan and end, its policy, the judge's card that corrected it, the decision that an audit froze."""
_SKIPPED = {"model", "checkpoints"}


class Built(NamedTuple):
    """Where a card was built, and what it says."""

    path: Path
    card: Card
    withheld: tuple[Withheld, ...]
    secret: Path | None


def build(
    runs: Sequence[Path], out: Path, *, gates: Path | None, risk: str | None, policy: Path | None, title: str | None, publish: bool,
    reveal: bool, examples: int, pdf: bool, key: Path | None, compute: float | None, today: datetime.date,
) -> Built:  # fmt: skip
    """Builds a card and its bundle from finished runs.

    Args:
        runs: Run directories; their evidence stands in one card.
        out: A directory that is new or empty.
        gates: The gates' YAML file.
        risk: A risk policy's YAML file, or the name of one that ships.
        policy: The policy that was measured against; by default the runs' own.
        title: The heading.
        publish: Put tables with text (cases, completions, judgments) into the bundle; else their Merkle roots stand there.
        reveal: Show in the examples also what the withholding rule would leave out.
        examples: How many examples to show, prompts and all; 0 where prompts must not be published.
        pdf: Print the page, if a browser is installed.
        key: A private key that signs the statement.
        compute: Training compute, in any unit that later cards use too.
        today: The day of the verdicts.

    Raises:
        InputError: If `out` holds files, or runs were measured under different policies.
        MissingError: If a run, a file, or a program that was asked for is not there.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty. Give a new directory as --out: a card is built whole or not at all.")
    sources = read_sources(runs)
    place = _policy(sources, policy)
    for path, read in ((gates, load_gates), (risk, load_risk), (place, load_policy)):
        if path is not None:
            read(path)  # a mistake in a file is told before anything is written
    half = out.parent / f".{out.resolve().name}.half"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    secret = secrets.token_bytes(32)
    try:
        withheld = [one for source in sources for one in _copy(source, half, publish=publish, secret=secret)]
        write_atomic(half / EVIDENCE, "".join(to_json(row) + "\n" for row in pooled(sources)))
        write_atomic(half / POLICY, yaml_bytes(place))
        for name, path in ((GATES, gates), (RISK, risk_path(risk) if risk else None)):
            if path is not None:
                write_atomic(half / name, path.read_bytes())
        shown = _allowed(_examples(sources[0])[:examples], reveal=reveal)
        write_atomic(half / EXAMPLES, "".join(to_json(row) + "\n" for row in shown))
        facts: dict[str, Any] = {
            "v": 1, "title": title, "runs": [source.name for source in sources], "reveal": reveal, "compute": compute,
            "on": today.isoformat(), "made_by": f"precepts {metadata.version('precepts')}",
            "withheld": [one.model_dump(mode="json") for one in withheld],
        }  # fmt: skip
        write_atomic(half / BUNDLE, to_json(facts, indent=1) + "\n")
        card = card_of(half, check=checker(sources))
        for name, text in rendered(card).items():
            write_atomic(half / name, text)
        if pdf and browser() is not None:
            print_pdf(half / PAGE, half / PAPER)
        write_atomic(half / STATEMENT, make_statement(half))
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        append(half, event="built", on=now, files={STATEMENT: file_digest(half / STATEMENT)})
        if key is not None:
            sign(half / STATEMENT, half / SIGNATURE, key=key)
            append(half, event="signed", on=now, files={SIGNATURE: file_digest(half / SIGNATURE)})
        assert (half / LOG).exists(), "the log was begun"
        if out.exists():
            out.rmdir()
        half.rename(out)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    kept = out.parent / f"{out.resolve().name}.secret" if withheld else None
    if kept is not None:
        write_atomic(kept, secret.hex() + "\n")
        kept.chmod(0o600)
    return Built(out, card, tuple(withheld), kept)


def card_of(path: Path, *, check: Check) -> Card:
    """The card of a bundle's files: what `build` renders, and what `verify` renders again."""
    told = json.loads((path / BUNDLE).read_text("utf-8"))
    evidence = [Evidence.model_validate(row) for row in read_jsonl(path / EVIDENCE)]
    policy = load_policy(path / POLICY)
    gates = load_gates(path / GATES) if (path / GATES).exists() else None
    risk = load_risk(path / RISK) if (path / RISK).exists() else None
    today = datetime.date.fromisoformat(told["on"])
    decision = decide(
        evidence, gates=gates, risk=risk, judges=judges_of(evidence), on=today, check=check,
        situation=situation(evidence, risk, compute=told["compute"], today=today),
    )  # fmt: skip
    models = ", ".join(dict.fromkeys(row.model for row in evidence))
    return make_card(
        title=told["title"] or f"{policy.title}: {', '.join(told['runs'])}",
        policy=policy, evidence=evidence, examples=read_jsonl(path / EXAMPLES), reveal=told["reveal"], decision=decision,
        facts={"model": models, **_facts(path, told["runs"], evidence), "when": told["on"]},
    )  # fmt: skip


def rendered(card: Card) -> Mapping[str, str]:
    """The files that a card is shown in."""
    return {DOCUMENT: to_json(card.document(), indent=1) + "\n", PAGE: render(card), MARKDOWN: markdown(card)}


def judges_of(evidence: Sequence[Evidence]) -> tuple[JudgeQuality, ...]:
    """How good the judges are: what evidence says, and what was measured of the shipped rules where they judged."""
    used = any(row.judge and row.judge.split("+")[0] == RULES for row in evidence)
    return judge_qualities(evidence, [quality_row(one) for one in rules_quality()] if used else ())


def quality_row(one: Any) -> dict[str, Any]:
    """A measured quality of the rules as plain values."""
    both = one.calibration
    calibration = {name: getattr(both, name).model_dump(mode="json") for name in ("sensitivity", "specificity")}
    return {"judge": RULES, "data": one.data, "question": one.question, "calibration": calibration}


def situation_of(runs: Sequence[Path], policy: RiskPolicy, *, compute: float | None, today: datetime.date) -> Situation:
    """What the runs are evidence of, to be held against an earlier card."""
    return situation(pooled(read_sources(runs)), policy, compute=compute, today=today)


def situation(
    evidence: Sequence[Evidence], policy: RiskPolicy | None, *, compute: float | None, today: datetime.date
) -> Situation:
    """Models and policies that the evidence names."""
    return Situation(
        models=tuple(sorted({row.model for row in evidence})),
        policy=", ".join(sorted({row.policy for row in evidence if row.policy})),
        risk_policy=f"{policy.id} {policy.version}" if policy else "",
        compute=compute,
        on=today,
    )


def situation_of_card(card: Path) -> Situation:
    """What a card was made of.

    Raises:
        MissingError: If there is no card.
    """
    path = card / DOCUMENT if card.is_dir() else card
    if not path.exists():
        raise MissingError(f"{card} holds no card. Give the --out of `precepts card build`.")
    return Situation.model_validate(json.loads(path.read_text("utf-8")).get("situation", {}))


def _policy(sources: Sequence[Source], given: Path | None) -> Path:
    if given is not None:
        return given
    found = [source.path / POLICY for source in sources if (source.path / POLICY).exists()]
    if not found:
        raise InputError("None of these runs holds a policy. Give the one that was measured against as --policy FILE.")
    digests = {load_policy(path).digest: path for path in found}
    if len(digests) > 1:
        places = " and ".join(str(path) for path in digests.values())
        raise InputError(
            f"The policies differ: {places}. Give runs that were measured under one policy, or --policy FILE."
        )
    return found[0]


def _copy(source: Source, out: Path, *, publish: bool, secret: bytes) -> list[Withheld]:
    """Puts into the bundle what the numbers were computed from and the run's manifests; gives what stands for the rest."""
    named = {one.path for row in source.evidence for one in row.inputs}
    withheld: list[Withheld] = []
    for path in sorted(one for one in source.path.rglob("*") if one.is_file()):
        inside = path.relative_to(source.path)
        if _SKIPPED & set(inside.parts) or path.name[0] == "." or path.name == EVIDENCE:
            continue
        target = Path("runs") / source.name / inside
        if (
            inside.as_posix() in named
            or path.name in _MANIFESTS
            or is_judge_card(path)
            or (publish and path.suffix in (".jsonl", ".eval"))
        ):
            (out / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / target)
        elif path.suffix in (".jsonl", ".eval"):
            withheld.append(withhold(path, table=target.as_posix(), secret=secret))
    if lost := sorted(one for one in named if not (source.path / one).is_file()):
        raise MissingError(f"{source.path / lost[0]} is not there, and a number was computed from it.")
    return withheld


def _align(path: Path) -> Run | None:
    """The run at a path, if it is one of `align`."""
    run = Run(path)
    try:
        config_of(run)
    except (InputError, MissingError):
        return None
    return run


def _examples(source: Source) -> list[dict[str, Any]]:
    run = _align(source.path)
    return card_examples(run) if run is not None and (run.path / "eval" / "test").exists() else []


def _allowed(examples: Sequence[dict[str, Any]], *, reveal: bool) -> list[dict[str, Any]]:
    """The examples as the bundle may hold them: an output that the card withholds keeps its digest and length alone."""
    return [row if reveal else redacted(row) for row in examples]


def _facts(path: Path, names: Sequence[str], evidence: Sequence[Evidence]) -> dict[str, object]:
    """What the bundle's copies of the runs' manifests say: those of the first run of `align`, and every run's command."""
    runs = [run for name in names if (run := _align(path / "runs" / name)) is not None]
    if not runs:
        return {}
    facts = card_facts(runs[0], config_of(runs[0]), evidence)
    facts.pop("rules_quality", None)
    commands = [(run.path / "command.txt") for run in runs]
    facts["reproduce"] = "\n".join(one.read_text("utf-8").strip() for one in commands if one.exists())
    seeds = [str(config_of(run).seed) for run in runs]
    facts["seed"] = ", ".join(seeds)
    return facts
