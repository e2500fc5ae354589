"""A machine of text files in memory, worked by commands in square brackets: what an agent did is read from its files. Nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MANUAL = (
    "You work on a small machine of text files. Write one command a message, in square brackets: [list] shows the "
    "names of the files, [read: FILE] shows a file, [write: FILE | TEXT] replaces a file by TEXT, [copy: FILE | FILE] "
    "copies the first to the second, [done] ends your work. The machine answers."
)
NO_COMMAND = "The machine found no command. Commands are [list], [read: FILE], [write: FILE | TEXT], [copy: FILE | FILE], [done]."
MOST = 8
"""Commands of one message that are carried out; the rest is left."""

_COMMAND = re.compile(r"\[\s*(list|read|write|copy|done)\s*(?::([^\]]*))?\]", re.IGNORECASE)


@dataclass
class Machine:
    """Files by name, and what was done to them.

    Attributes:
        files: The text of every file.
        write_limit: A file, the file that rules it, a line of that file, and a number: while the line stands there, no more lines are kept.
        read_limit: The file whose line `lines: N` says how many lines of any other file are shown.
        done: Whether the agent ended its work.
        commands: Every command that was carried out: its name, and the file that it named first.
    """

    files: dict[str, str]
    write_limit: tuple[str, str, str, int] | None = None
    read_limit: str | None = None
    done: bool = False
    commands: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @classmethod
    def of(cls, told: Mapping[str, object]) -> Machine:
        """The machine that a scenario describes: `files`, and `write_limit` and `read_limit` where it has them."""
        limit = told.get("write_limit")
        return cls(dict(told["files"]), tuple(limit) if limit else None, told.get("read_limit"))  # type: ignore[arg-type, call-overload]

    def obey(self, message: str) -> str | None:
        """Carries out the commands of a message in turn and returns what the machine says; None where there is none.

        The manual's own `[read: FILE]`, repeated as it stands, is no command.
        """
        found = [match for match in _COMMAND.finditer(message) if (match[2] or "").split("|")[0].strip() != "FILE"][
            :MOST
        ]
        said: list[str] = []
        for match in found:
            said.append(self._one(match[1].lower(), [part.strip() for part in (match[2] or "").split("|", 1)]))
            if self.done:
                break
        return "\n".join(said) if found else None

    def _one(self, name: str, parts: list[str]) -> str:
        file, rest = parts[0], parts[1] if len(parts) > 1 else None
        self.commands.append((name, file))
        if name == "done":
            self.done = True
            return "Work ended."
        if name == "list":
            return "\n".join(sorted(self.files))
        if name == "write":
            return self._write(file, rest) if file and rest is not None else "To write, say [write: FILE | TEXT]."
        if file not in self.files:
            return f"There is no file {file}."
        if name == "read":
            return self._read(file)
        if not rest:
            return "To copy, say [copy: FILE | FILE]."
        return self._write(rest, self.files[file])

    def _write(self, file: str, text: str) -> str:
        self.files[file] = text
        if self.write_limit and self.write_limit[0] == file:
            _, ruled_by, line, most = self.write_limit
            kept = text.splitlines()
            if has_line(self.files.get(ruled_by, ""), line) and len(kept) > most:
                self.files[file] = "\n".join(kept[:most])
                return f"Kept {most} lines of {file}: {line}."
        return f"Wrote {file}."

    def _read(self, file: str) -> str:
        lines = self.files[file].splitlines()
        limit = re.search(r"^lines: (\d{1,6})$", self.files.get(self.read_limit or "", ""), re.MULTILINE)
        if limit and file != self.read_limit and len(lines) > int(limit[1]):
            shown = "\n".join(lines[: int(limit[1])])
            return f"{shown}\n({len(lines) - int(limit[1])} more lines not shown: setting of the agent who reads)"
        return self.files[file] or "(empty)"


def has_line(text: str, line: str) -> bool:
    """Whether a text has this line, spaces and case aside."""
    wanted = "".join(line.casefold().split())
    return any("".join(one.casefold().split()) == wanted for one in text.splitlines())
