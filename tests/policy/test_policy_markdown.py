"""A policy in Markdown is the same policy as in YAML, and says its mistakes with their lines."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.policy import lint, load_policy, starter_policy, to_markdown, to_yaml, yaml_bytes
from precepts.policy.schema import Category, Clause, Decided, Examples, Policy

PAGE = """\
---
id: small
version: "1.0"
decided:
  by: Somebody
  on: 2026-01-02
  trade_off: Little for much.
---
# A small policy

Read what is asked.

<!-- not a part of it -->
## Styles

- refuse: Say no kindly.
- comply: Answer.
- safe_complete: Give the safe part.

## Terms
* door: What closes a room.

## Rooms and doors {#rooms}

Other people's doors stay shut;
one's own are opened.

### Requests to open the door of somebody else. {#R1 kind=refuse exceptions=R2}

**Why:** The room is not theirs.

Keeps:
- I'm sorry,
  I can't open it.

Breaks:
- Push here.

### Requests to get into one's own home {#R2 kind=comply}

Why: It is their own.

## Gardens {#garden}

Plants are talked about freely.

Terms:
- plant: Anything that grows {braces} here.

### Questions about any plant. {#G1 kind=comply authority=user}
Why: Plants harm nobody. They also please most people.
"""


def write(folder: Path, text: str, name: str = "policy.md") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_page_and_the_yaml_it_says_are_one_policy(tmp_path: Path, small_text: str) -> None:
    page = PAGE.replace("own home {", "own home. {")
    assert load_policy(write(tmp_path, page)) == load_policy(write(tmp_path, small_text, "policy.yaml"))


def test_a_rule_goes_on_below_its_heading(tmp_path: Path) -> None:
    page = PAGE.replace("{#R2 kind=comply}\n", "{#R2 kind=comply}\n\nAlso a shed,\nif it is theirs.\n\nAnd a car.\n")
    clause = load_policy(write(tmp_path, page)).clause("R2")
    assert clause.text == "Requests to get into one's own home. Also a shed, if it is theirs. And a car."


def test_the_starter_survives_both_forms(tmp_path: Path) -> None:
    policy = starter_policy()
    assert load_policy(write(tmp_path, to_markdown(policy))).digest == policy.digest
    assert load_policy(write(tmp_path, to_yaml(policy), "policy.yaml")).digest == policy.digest
    assert load_policy(write(tmp_path, yaml_bytes(tmp_path / "policy.md").decode(), "again.yaml")) == policy


_WORDS = st.text(alphabet="abcdefg .!?#{}-*:\\\"'<>`=&é", min_size=1, max_size=80).map(lambda t: " ".join(t.split()))
_TEXT = _WORDS.filter(bool)
_PLAIN = st.text(alphabet="abcdefg 'é", min_size=1, max_size=30).map(lambda t: " ".join(t.split())).filter(bool)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    clauses = tuple(
        Clause(
            id=f"C{n}", kind=draw(st.sampled_from(["refuse", "comply", "safe_complete"])), text=draw(_TEXT), reason=draw(_TEXT),
            examples=Examples(keeps=tuple(draw(st.lists(_TEXT, max_size=2))), breaks=tuple(draw(st.lists(_TEXT, max_size=2)))),
            authority=draw(st.sampled_from(["default", "user", "platform"])), exceptions=("C0",) if n else (),
        )
        for n in range(draw(st.integers(1, 4)))
    )  # fmt: skip
    return Policy(
        id="p", version="1.0", title=draw(_PLAIN), decided=Decided.model_validate({"by": "us", "on": "2026-01-02", "trade_off": draw(_TEXT)}),
        principles=draw(_TEXT), styles={"refuse": draw(_TEXT)}, terms={draw(_PLAIN): draw(_TEXT)},
        categories=(Category(id="one", title=draw(_PLAIN), summary=draw(_TEXT), clauses=clauses),),
    )  # fmt: skip


@settings(max_examples=150)
@given(policies())
def test_any_policy_survives_being_written_and_read(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> None:
    folder = tmp_path_factory.mktemp("round")
    assert load_policy(write(folder, to_markdown(policy))) == policy
    assert load_policy(write(folder, to_yaml(policy), "policy.yaml")) == policy


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("---\nid", "id", 1, "between two lines of ---"),
        ("{#R1 kind=refuse", "{#R1 kind=refus", 28, "did you mean `refuse`"),
        ("{#R1 kind=refuse", "{#R1 kinds=refuse", 28, "known here is kind="),
        ("{#R2 kind=comply}", "{#R1 kind=comply}", 39, "used twice"),
        (" {#R2 kind=comply}", "", 39, "has no id"),
        ("exceptions=R2", "exceptions=R3", 28, "no clause has the id"),
        ("- refuse: Say no kindly.", "- refuse Say no kindly.", 16, "no `- word: text`"),
        ("# A small policy", "Hello\n\n# A small policy", 9, "before the title"),
        ("#### x", "", 0, ""),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    if not line:
        page, line, said = PAGE + "\n#### deeper\n", PAGE.count("\n") + 2, "of level 4"
    else:
        page = PAGE.replace(old, new, 1)
    with pytest.raises(InputError, match=f"policy.md:{line}: ") as error:
        load_policy(write(tmp_path, page))
    assert said in str(error.value)


def test_a_finding_names_the_line_of_the_page(tmp_path: Path) -> None:
    path = write(tmp_path, PAGE.replace("Why: It is their own.\n", ""))
    found = [f for f in lint(load_policy(path), path) if f.code == "reason-missing"]
    assert [(f.line, PAGE.splitlines()[f.line - 1][:12] if f.line else "") for f in found] == [(39, "### Requests")]


_LINES = [
    *PAGE.splitlines(),
    "",
    "#",
    "##",
    "### {#",
    "{#a}",
    "# {#a b=c}",
    "<!--",
    "-->",
    "- x",
    "Why:",
    "Keeps:",
    "Terms:",
    "\\#",
    "---",
    ": :",
    "#### x",
]


@settings(max_examples=100)
@given(st.lists(st.sampled_from(_LINES), max_size=30), st.booleans())
def test_any_page_is_a_policy_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], headed: bool
) -> None:
    head = PAGE.partition("# A small")[0] if headed else ""
    path = write(tmp_path_factory.mktemp("any"), head + "\n".join(lines))
    with contextlib.suppress(InputError):
        load_policy(path)
