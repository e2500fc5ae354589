"""Reads a card back as a browser would: which elements, which attributes, which text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Elements in order, attributes, text of the body, of each <pre> and of each cell."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.passages: list[str] = []
        self.cells: list[str] = []
        self._open: list[str] = []
        self._text: list[str] = []
        self._cell_depth: int | None = None
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in VOID:
            return
        self._open.append(tag)
        if tag == "pre":
            self.passages.append("")
        if ("class", "cell") in attrs:
            self.cells.append("")
            self._cell_depth = len(self._open)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> out of place"
        if self._cell_depth is not None and len(self._open) < self._cell_depth:
            self._cell_depth = None

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        if "pre" in self._open:
            self.passages[-1] += data
        if self._cell_depth is not None:
            self.cells[-1] += data
        self._text.append(data)

    @property
    def text(self) -> str:
        """All text, blanks joined."""
        return squeeze(" ".join(self._text))


def squeeze(text: str) -> str:
    """Runs of blanks as one."""
    return re.sub(r"\s+", " ", text).strip()


def read(path: Path) -> Page:
    """The page at a path."""
    return Page(path.read_text("utf-8"))
