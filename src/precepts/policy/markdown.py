"""A policy written as a Markdown page, in the style of a published model specification.

The front matter holds `id`, `version` and `decided`; the first heading is the title, and what stands below it the principles.
`## Styles` and `## Terms` hold lists of `- word: text`. Any other `##` heading is a category, `## Title {#id}`, and what stands
below it its summary. A `###` heading is a clause, `### The rule. {#ID kind=refuse}`; it may name `authority` and `exceptions`
(ids joined by commas). Heading and paragraphs together are the clause's text. A paragraph that begins with `Why:` is its reason;
the lists below `Keeps:` and `Breaks:` are its examples. A backslash before a line takes any of these meanings off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from precepts.errors import InputError
from precepts.policy.document import STARTER_HINT, Document, NodePath, parse_document, read_document, read_text, shown

SUFFIXES = (".md", ".markdown")

_HEADING = re.compile(r"(#{1,6})(?:[ \t]+(.*?))?[ \t]*#*[ \t]*")
_ATTRIBUTES = re.compile(r"(.*?)[ \t]*\{#([^\s{}]*)([^{}]*)\}")
_ITEM = re.compile(r"[-*+][ \t]+(.*)")
_LABEL = re.compile(r"(?:\*\*)?(why|reason|keeps|breaks|terms):(?:\*\*)?[ \t]*(.*)", re.IGNORECASE)
_STYLES, _TERMS = ("styles", "style", "how to answer"), ("terms", "definitions")
_ENDS = (".", "!", "?", ":", ";", "…", ")", '"')
_CLAUSE_KEYS = ("kind", "authority", "exceptions")


class _Line(NamedTuple):
    number: int
    text: str


def read_policy(path: Path) -> Document:
    """What stands in a policy's file, YAML or (ending in .md) Markdown, with the line of each value. Errors as of `read_document`."""
    if path.suffix.lower() not in SUFFIXES:
        return read_document(path)
    return parse_markdown(read_text(path, STARTER_HINT), path)


def parse_markdown(text: str, path: Path) -> Document:
    """What stands in a Markdown text, in the form that a policy in YAML has.

    Raises:
        InputError: If it has no front matter between two lines of `---`, or that is not YAML.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    ends = [n for n, line in enumerate(lines) if line.rstrip() == "---"]
    if len(ends) < 2 or any(line.strip() for line in lines[: ends[0]]):
        raise InputError.at(
            path, 1, "a policy in Markdown begins with its id, version and decided between two lines of ---"
        )
    # Blank lines instead of what stands before keep the line numbers right.
    head = parse_document("\n" * (ends[0] + 1) + "\n".join(lines[ends[0] + 1 : ends[1]]), path)
    if not isinstance(head.value, dict):
        raise InputError.at(path, ends[0] + 2, "the front matter is a mapping: id, version and decided, a line each")
    reader = _Reader(cast("dict[str, object]", head.value), head)
    reader.read([_Line(n + 1, lines[n]) for n in range(ends[1] + 1, len(lines))])
    return Document(reader.value, head.lines, head.problems)


class _Reader:
    """Goes down the page and fills in the policy's values, with the line of each."""

    def __init__(self, value: dict[str, object], document: Document) -> None:
        self.value, self.lines, self.problems = value, document.lines, document.problems
        self.categories: list[dict[str, object]] = []

    def read(self, lines: list[_Line]) -> None:
        """Takes the sections in order."""
        for level, heading, body in _sections(lines):
            title, number = heading.text, heading.number
            found = _ATTRIBUTES.fullmatch(title)
            if level == 0:
                if any(line.text.strip() for line in body):
                    first = next(line for line in body if line.text.strip())
                    self._wrong(("title",), first.number, "text before the title; begin with a line `# Title`")
            elif level == 1 and "title" not in self.value:
                self._put(self.value, ("title",), "title", title, number)
                if (text := _kept(body)) or "principles" not in self.value:
                    self._put(self.value, ("principles",), "principles", text, number)
            elif level == 2 and not found and title.casefold() in (*_STYLES, *_TERMS):
                key = "styles" if title.casefold() in _STYLES else "terms"
                self._put(self.value, (key,), key, self._pairs(body, (key,)), number)
            elif level == 2 and found:
                self._category(found, body, number)
            elif level == 3 and found and self.categories:
                self._clause(found, body, number)
            else:
                self._wrong(("categories", "?", number), number, _misplaced(level, title, bool(self.categories)))
        if self.categories:
            self.value["categories"] = self.categories

    def _category(self, found: re.Match[str], body: list[_Line], number: int) -> None:
        at: NodePath = ("categories", len(self.categories))
        category: dict[str, object] = {}
        self.categories.append(category)
        self.lines.setdefault(("categories",), number)
        self.lines[at] = number
        self._put(category, (*at, "id"), "id", found[2], number)
        self._put(category, (*at, "title"), "title", found[1].strip(), number)
        self._attributes(found[3], (), category, at, number)
        parts = dict(_parts(body))
        self._put(category, (*at, "summary"), "summary", _folded(parts.pop("", [])), number)
        if terms := parts.pop("terms", None):
            self._put(category, (*at, "terms"), "terms", self._pairs(terms, (*at, "terms")), terms[0].number)
        self._left(parts, at)
        category["clauses"] = []
        self.lines[*at, "clauses"] = number

    def _clause(self, found: re.Match[str], body: list[_Line], number: int) -> None:
        place = len(self.categories) - 1
        clauses = cast("list[dict[str, object]]", self.categories[place]["clauses"])
        at: NodePath = ("categories", place, "clauses", len(clauses))
        clause: dict[str, object] = {}
        clauses.append(clause)
        self.lines[at] = number
        self._put(clause, (*at, "id"), "id", found[2], number)
        self._attributes(found[3], _CLAUSE_KEYS, clause, at, number)
        parts = dict(_parts(body))
        rule, rest = found[1].strip(), _folded(parts.pop("", []))
        if rule and rest and not rule.endswith(_ENDS):
            rule += "."
        self._put(clause, (*at, "text"), "text", f"{rule} {rest}".strip(), number)
        why = parts.pop("why", [])
        self._put(clause, (*at, "reason"), "reason", _folded(why), why[0].number if why else number)
        examples: dict[str, object] = {}
        for key in ("keeps", "breaks"):
            if items := parts.pop(key, None):
                self._put(examples, (*at, "examples", key), key, [text for _, text in _items(items)], items[0].number)
        if examples:
            self._put(clause, (*at, "examples"), "examples", examples, number)
        self._left(parts, at)

    def _attributes(self, text: str, keys: tuple[str, ...], into: dict[str, object], at: NodePath, number: int) -> None:
        for word in text.split():
            key, equals, value = word.partition("=")
            if not equals or key not in keys:
                known = " ".join(f"{key}=…" for key in keys) or "{#id} alone"
                self._wrong((*at, f"{{{word}}}"), number, f"{shown(word)} in a heading; known here is {known}")
            elif key == "exceptions":
                self._put(into, (*at, key), key, [one for one in value.split(",") if one], number)
            else:
                self._put(into, (*at, key), key, value.strip("\"'"), number)

    def _pairs(self, body: list[_Line], at: NodePath) -> dict[str, object]:
        out: dict[str, object] = {}
        for number, text in _items(body):
            word, colon, meaning = text.partition(": ")
            word = word.strip().strip("*`")
            if not colon:
                self._wrong((*at, word), number, f"{shown(text)} is no `- word: text`; put a colon after the word")
            self._put(out, (*at, word), word, meaning.strip(), number)
        return out

    def _left(self, parts: dict[str, list[_Line]], at: NodePath) -> None:
        for key, lines in parts.items():
            self._wrong((*at, key), lines[0].number, f"`{key.capitalize()}:` does not belong here; move or remove it")

    def _put(self, into: dict[str, object], at: NodePath, key: str, value: object, number: int) -> None:
        if key in into:
            self._wrong((*at, "twice"), number, f"{shown(key)} is given twice; keep one")
            return
        into[key] = value
        self.lines[at] = number

    def _wrong(self, at: NodePath, number: int, what: str) -> None:
        self.problems.setdefault(at, (number, what))


def _misplaced(level: int, title: str, in_category: bool) -> str:
    if level == 3 and not in_category:
        return f"the clause {shown(title)} stands in no category; put a heading `## Title {{#id}}` above it"
    if level in (2, 3):
        example = "## Title {#id}" if level == 2 else "### The rule. {#ID kind=refuse}"
        return f"the heading {shown(title)} has no id; write it as `{example}`"
    return f"the heading {shown(title)} is of level {level}; a policy has one #, categories ## and clauses ###"


def _sections(lines: list[_Line]) -> Iterator[tuple[int, _Line, list[_Line]]]:
    """Headings with what stands below each; level 0 is what stands before the first. Comments are left out."""
    level, heading, body = 0, _Line(lines[0].number if lines else 1, ""), list[_Line]()
    commented = False
    for line in lines:
        if commented or line.text.lstrip().startswith("<!--"):
            commented = "-->" not in line.text
            continue
        if match := _HEADING.fullmatch(line.text):
            yield level, heading, body
            level, heading, body = len(match[1]), _Line(line.number, (match[2] or "").strip()), []
        else:
            body.append(line)
    yield level, heading, body


def _parts(body: list[_Line]) -> list[tuple[str, list[_Line]]]:
    """Plain paragraphs under the empty key, and what stands below each label under its own."""
    parts: dict[str, list[_Line]] = {"": []}
    label = ""
    for line in body:
        match = _LABEL.fullmatch(line.text.strip())
        if match:
            label = "why" if match[1].casefold() == "reason" else match[1].casefold()
            parts.setdefault(label, []).append(_Line(line.number, match[2]))
        elif label == "why" and not line.text.strip() and _folded(parts["why"]):
            label = ""  # a reason is one paragraph
        else:
            parts[label].append(line)
    return list(parts.items())


def _items(body: list[_Line]) -> list[tuple[int, str]]:
    """The items of a list, each on one line; a line that begins no item goes on with the one before."""
    out: list[tuple[int, list[str]]] = []
    for line in body:
        text = line.text.strip()
        if match := _ITEM.fullmatch(text):
            out.append((line.number, [match[1]]))
        elif text and out:
            out[-1][1].append(text)
        elif text:
            out.append((line.number, [text]))
    return [(number, " ".join(_plain(part) for part in parts)) for number, parts in out]


def _folded(body: list[_Line]) -> str:
    return " ".join(" ".join(_plain(line.text.strip()) for line in body).split())


def _kept(body: list[_Line]) -> str:
    return "\n".join(_plain(line.text.rstrip()) for line in body).strip()


def _plain(line: str) -> str:
    return line[1:] if line.startswith("\\") else line
