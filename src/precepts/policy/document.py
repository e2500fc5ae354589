"""A YAML file that a person wrote: its plain values, the line of each, and what YAML alone can say is wrong.

PyYAML keeps the last of two equal keys, turns `on` into True, `1.10` into 1.1, and follows aliases without end. Here
values stay the text that was written, keys stand once, and what YAML would change is named with its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from precepts.errors import InputError, MissingError

MAX_BYTES = 5_000_000
MAX_DEPTH = 20
MAX_ALIASES = 100  # also the most nodes that aliases may repeat, times ten

NodePath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_QUOTE = {
    "int": "a number",
    "float": "a number",
    "bool": "yes or no",
    "timestamp": "a date",
    "merge": "a merge",
    "value": "a default",
}
_KEYS = ("str", "null", *_QUOTE)
_HINTS = (
    ("mapping values are not allowed", "put a text that contains ': ' in quotes"),
    ("cannot start any token", "indent with spaces, and put a text that starts with a special sign in quotes"),
    ("while scanning a quoted scalar", "close the quotes"),
    ("could not find expected ':'", "a line here lacks its ': ', or is indented too little"),
    ("expected <block end>", "check the indentation, and put a text that starts with a quote wholly in quotes"),
    ("flow", "close the bracket, and put a text that contains a comma or bracket in quotes"),
    ("expected a single document", "keep one policy in a file, without a second '---'"),
    ("alias", "name an anchor that stands before it"),
)


@dataclass(frozen=True)
class Document:
    """The values of a file (mappings, lists and texts), where each stands, and the problems found on the way."""

    value: object
    lines: dict[NodePath, int] = field(default_factory=dict[NodePath, int])
    problems: dict[NodePath, tuple[int, str]] = field(default_factory=dict[NodePath, tuple[int, str]])

    def line(self, at: NodePath) -> int | None:
        """The line of a value or, where it is missing, of the nearest thing around it."""
        for end in range(len(at), -1, -1):
            if at[:end] in self.lines:
                return self.lines[at[:end]]
        return None


def shown(value: object) -> str:
    """A value as it may stand in a message: one short line, without control signs."""
    if isinstance(value, str):
        return repr(value if len(value) <= 48 else value[:45] + "...")
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else type(value).__name__


def read_document(path: Path, *, typed: bool = False, hint: str = "") -> Document:
    """What stands in a YAML file.

    Args:
        path: The file.
        typed: Whether the file's reader turns texts into numbers, days and yes or no itself: then such values need no
            quotes, and stay the text that was written.
        hint: What to do if there is no such file or it is empty; by default, how to begin from the starter policy.

    Raises:
        MissingError: If there is no such file.
        InputError: If it is a directory, too large, not UTF-8, not YAML, empty, or nested beyond reason.
    """
    hint = hint or STARTER_HINT
    return parse_document(read_text(path, hint), path, typed=typed, hint=hint)


def parse_document(text: str, path: Path, *, typed: bool = False, hint: str = "") -> Document:
    """What stands in a YAML text; `path` stands in the messages. Arguments and errors as of `read_document`."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise InputError.at(path, *_said(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError.at(path, line, f"not YAML: the control sign {error.character!r}; remove it") from None
    except (ValueError, OverflowError):  # an escape beyond Unicode, as "\UFFFFFFFF"
        raise InputError.at(path, None, "not YAML: an escape that means no character; write it plainly") from None
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == _TAG + "null"):
        raise InputError.at(path, 1, f"the file is empty; {hint or STARTER_HINT}")
    walk = _Walk(path, typed=typed)
    return Document(walk.value(root, ()), walk.lines, walk.problems)


STARTER_HINT = "begin from the starter policy: precepts policy show --starter > policy.yaml"


def read_text(path: Path, hint: str) -> str:
    """The text of a file that a person wrote, as UTF-8. Errors as of `read_document`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise MissingError(f"{path}: there is no such file. Give the path of a file that is there, or {hint}") from None
    except IsADirectoryError:
        raise InputError.at(path, None, "this is a directory; give the path of a YAML file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError.at(path, None, f"cannot be read ({reason}); give the path of a YAML file") from None
    if len(data) > MAX_BYTES:
        raise InputError.at(path, None, "the file is larger than 5 MB; give a policy, which people can read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError.at(path, line, "not UTF-8 text; save the file with the encoding UTF-8") from None


def _said(error: yaml.MarkedYAMLError) -> tuple[int | None, str]:
    """The line of a YAML error and one sentence about it, with a hint."""
    begun, found = error.context_mark, error.problem_mark
    if isinstance(error, _Refusal) and found:
        return found.line + 1, str(error.problem)
    said = ", ".join(part for part in (error.context, error.problem) if part)
    hint = next((hint for sign, hint in _HINTS if sign in said), "mend it, or put the text in quotes")
    # What PyYAML quotes from the file may hold anything, a lone surrogate too.
    said = said.encode("ascii", "backslashreplace").decode()[:200]
    if begun and found and begun.line < found.line:
        if "end of stream" in said:  # an open quote or bracket: where it opens says more than where the file ends
            found = begun
        else:
            said += f" (in what begins on line {begun.line + 1})"
    mark = found or begun
    return (mark.line + 1 if mark else None), f"not YAML: {said}; {hint}"


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses nesting and aliases beyond what a policy needs, before they are followed."""

    depth = 0
    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node, counted."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                raise _refusal(f"more than {MAX_ALIASES} aliases; write the texts out", event.start_mark)
        if self.depth >= MAX_DEPTH:
            raise _refusal(f"nested deeper than {MAX_DEPTH} levels; close the brackets", event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Refusal(yaml.MarkedYAMLError):
    """YAML that is well formed and no policy; `problem` already says what to do."""


def _refusal(problem: str, mark: yaml.Mark) -> _Refusal:
    return _Refusal(problem=problem, problem_mark=mark)


class _Walk:
    """Turns nodes into plain values and keeps the line of each."""

    def __init__(self, path: Path, *, typed: bool) -> None:
        self.path = path
        self.typed = typed
        self.lines: dict[NodePath, int] = {}
        self.problems: dict[NodePath, tuple[int, str]] = {}
        self.seen: set[int] = set()
        self.repeats = 0

    def value(self, node: yaml.Node, at: NodePath) -> object:
        """The plain value of a node that stands at a path."""
        line = node.start_mark.line + 1
        self.lines.setdefault(at, line)
        self.repeats += id(node) in self.seen
        self.seen.add(id(node))
        if len(at) > MAX_DEPTH or self.repeats > MAX_ALIASES * 10:
            raise InputError.at(self.path, line, "aliases that repeat too much; write the texts out")
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(item, (*at, i)) for i, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            self.problems.setdefault(at, (line, f"the YAML tag {shown(node.tag)} is not accepted; remove it"))
            return None
        return self._scalar(node, at, line)

    def _mapping(self, node: yaml.MappingNode, at: NodePath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            # The text as written: YAML reads a bare `on` as True.
            name: object = key.value
            if not isinstance(name, str) or key.tag.removeprefix(_TAG) not in _KEYS or _surrogate(name):
                self.problems.setdefault((*at, "?"), (line, f"a key must be a plain text, not {shown(name)}"))
                continue
            if name in values:
                first = self.lines[(*at, name)]
                what = f"the key {shown(name)} is given twice (first on line {first}); keep one"
                self.problems.setdefault((*at, name, "twice"), (line, what))
                continue
            self.lines[(*at, name)] = line
            values[name] = self.value(item, (*at, name))
        return values

    def _scalar(self, node: yaml.ScalarNode, at: NodePath, line: int) -> str:
        text: str = node.value
        tag = node.tag.removeprefix(_TAG)
        place = f"`{at[-1]}`" if at and isinstance(at[-1], str) else "this item" if at else "the file"
        if len(place) > 40:
            place = "this text"
        what = None
        if _surrogate(text):
            what = f"{place} holds half a character (a lone surrogate); write the character itself"
        elif tag == "null":
            what = f"{place} is empty; give a value or remove it"
        elif tag in _QUOTE and not (self.typed or (tag == "timestamp" and at == ("decided", "on"))):
            what = f"{place} is {shown(text)}, which YAML reads as {_QUOTE[tag]}; put it in quotes"
        elif tag not in ("str", "timestamp") and not (self.typed and tag in _QUOTE):
            what = f"the YAML tag {shown(node.tag)} is not accepted; remove it"
        if what:
            self.problems.setdefault(at, (line, what))
            return ""
        return text


def _surrogate(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)
