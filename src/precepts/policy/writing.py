"""A policy written out again, as YAML or as Markdown: what is read back is the same policy, with the same digest.

In Markdown every text but the principles is one paragraph, so line breaks inside a text become blanks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from precepts.policy.load import load_policy
from precepts.policy.markdown import SUFFIXES
from precepts.policy.schema import Category, Clause, Policy

_SPECIAL = re.compile(r"\\|#|<!--|[-*+](?:\s|$)|(?:\*\*)?(?:why|reason|keeps|breaks|terms):", re.IGNORECASE)
_RULE = re.compile(r"([^{}#\\]{1,140}?[.!?])\s+(?=\S)")


def to_yaml(policy: Policy) -> str:
    """The policy as YAML."""
    values: dict[str, Any] = policy.model_dump(mode="json", exclude_defaults=True)
    values["decided"] = {**values["decided"], "on": policy.decided.on}
    return _dumped(values)


def to_markdown(policy: Policy) -> str:
    """The policy as a Markdown page."""
    head = {
        "id": policy.id,
        "version": policy.version,
        "decided": {
            "by": policy.decided.by,
            "on": policy.decided.on,
            "trade_off": policy.decided.trade_off,
        },
    }
    parts = [
        "---\n" + _dumped(head) + "---",
        "# " + _line(policy.title),
        "\n".join(_guarded(line) for line in policy.principles.splitlines()),
    ]
    if policy.styles:
        parts.append("## Styles\n\n" + _pairs(policy.styles))
    if policy.terms:
        parts.append("## Terms\n\n" + _pairs(policy.terms))
    parts += [_category(category) for category in policy.categories]
    return "\n\n".join(parts) + "\n"


def yaml_bytes(path: Path) -> bytes:
    """A policy's file as YAML: as it is, or rewritten if it is Markdown. Errors as of `load_policy`."""
    return to_yaml(load_policy(path)).encode() if path.suffix.lower() in SUFFIXES else path.read_bytes()


def _dumped(values: dict[str, Any]) -> str:
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=120)
    return text.replace("\n  'on': ", "\n  on: ", 1)  # a bare `on` is a key here, and reads better


def _category(category: Category) -> str:
    parts = [f"## {_line(category.title)} {{#{category.id}}}"]
    if category.summary:
        parts.append(_guarded(_line(category.summary)))
    if category.terms:
        parts.append("Terms:\n\n" + _pairs(category.terms))
    return "\n\n".join([*parts, *(_clause(clause) for clause in category.clauses)])


def _clause(clause: Clause) -> str:
    text = _line(clause.text)
    match = _RULE.match(text)
    rule, rest = (match[1], text[match.end() :]) if match else ("", text)
    if not match and len(text) <= 140 and not re.search(r"[{}#\\]", text):
        rule, rest = text, ""
    attributes = [f"#{clause.id}", f"kind={clause.kind}"]
    if clause.authority != "default":
        attributes.append(f"authority={clause.authority}")
    if clause.exceptions:
        attributes.append("exceptions=" + ",".join(clause.exceptions))
    parts = [f"### {rule} {{{' '.join(attributes)}}}".replace("###  ", "### ")]
    if rest:
        parts.append(_guarded(rest))
    if clause.reason:
        parts.append("Why: " + _guarded(_line(clause.reason)))
    for label, texts in (("Keeps", clause.examples.keeps), ("Breaks", clause.examples.breaks)):
        if texts:
            parts.append(f"{label}:\n\n" + "\n".join("- " + _guarded(_line(one)) for one in texts))
    return "\n\n".join(parts)


def _pairs(terms: Mapping[Any, str]) -> str:
    return "\n".join(f"- {_line(str(word))}: {_line(meaning)}" for word, meaning in terms.items())


def _guarded(line: str) -> str:
    """The line with a backslash before what would mean something else at its beginning."""
    return "\\" + line if _SPECIAL.match(line) else line


def _line(text: str) -> str:
    return " ".join(text.split())
