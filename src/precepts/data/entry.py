"""What the registry knows of a public data set: its home, its licence, and the digest of each file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pydantic import Field

from precepts.types import Case, Frozen, Message

Texts = Mapping[str, str]
"""The files of a set by their key, decompressed and decoded."""


class LabelledAnswer(Frozen):
    """An answer that people labelled as a refusal or not: what a refusal judge is checked against.

    `details` holds what else the set says of the row, by name.
    """

    id: str
    messages: tuple[Message, ...]
    answer: str
    refused: bool
    split: str
    details: dict[str, str] = Field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The last user turn."""
        return self.messages[-1].content

    @property
    def case(self) -> Case:
        """The conversation that was answered, under the same id."""
        return Case(id=self.id, messages=self.messages)


class LabelledText(Frozen):
    """A text that people labelled as breaking a written rule or not: what a judge of content is checked against.

    `prompt` is what the text answers, where the set has it; `raters` holds what single raters said, where the set tells.
    """

    id: str
    text: str
    broke: bool
    prompt: str | None = None
    category: str | None = None
    groups: dict[str, str] = Field(default_factory=dict)
    raters: dict[str, bool] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a set. A copy that differs from the public file has a digest of its own.

    Attributes:
        key: What the file is for: `all`, `train`, `dev`, `test`.
        url: The public file at the pinned revision.
        sha256: Digest of the public file.
        copy: Name of the file in a folder of copies; the name at the end of `url` if nothing was changed.
        copy_sha256: Digest of that copy; empty if nothing was changed.
        change: What was changed in the copy, in words.
        member: The file meant, where the public file is an archive of several; the copy is that file alone.
        encoding: Of the text.
    """

    key: str
    url: str
    sha256: str
    copy: str = ""
    copy_sha256: str = ""
    change: str = ""
    member: str = ""
    encoding: str = "utf-8-sig"

    @property
    def name(self) -> str:
        """The name of the public file."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def cached_as(self) -> str:
        """The name in the cache: that of a copy which is only called otherwise, for public files of one set may bear one name."""
        return self.copy if self.copy and not self.copy_sha256 else self.name

    @property
    def accepted(self) -> dict[str, str]:
        """Names under which the file may lie in a folder of copies, each with the digest it must have there."""
        public = {self.name: self.sha256}
        return public | {self.copy: self.copy_sha256 or self.sha256} if self.copy else public


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered public data set. Nothing of it ships with the package.

    Attributes:
        name: What `load_cases` and `load_labelled` take.
        citation: Authors, year and arXiv number.
        licence: SPDX identifier where there is one.
        revision: Commit or version that the files are pinned to.
        note: What a reader of a number should know of the set.
        cases: Makes cases of the files, for a set of prompts.
        labelled: Makes labelled answers of the files, for a set that checks judges of refusal.
        texts: Makes labelled texts of the files, for a set that checks judges of content.
        rules: The written rules that the texts were labelled under, a file for each category of the set, which is its key.
    """

    name: str
    title: str
    citation: str
    licence: str
    revision: str
    files: tuple[DataFile, ...]
    note: str = ""
    cases: Callable[[Texts], list[Case]] | None = None
    labelled: Callable[[Texts], list[LabelledAnswer]] | None = None
    texts: Callable[[Texts], list[LabelledText]] | None = None
    rules: tuple[DataFile, ...] = ()


def suggestion(given: str, known: Iterable[str]) -> str:
    """'; did you mean `x`?' for the known word nearest to the given one, or nothing."""
    near = difflib.get_close_matches(given[:64].casefold(), list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""
