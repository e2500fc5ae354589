from pathlib import Path

import pytest

SMALL = """\
id: small
version: "1.0"
title: A small policy
decided:
  by: Somebody
  on: 2026-01-02
  trade_off: Little for much.
principles: Read what is asked.
styles:
  refuse: Say no kindly.
  comply: Answer.
  safe_complete: Give the safe part.
terms:
  door: What closes a room.
categories:
  - id: rooms
    title: Rooms and doors
    summary: Other people's doors stay shut; one's own are opened.
    clauses:
      - id: R1
        kind: refuse
        text: Requests to open the door of somebody else.
        reason: The room is not theirs.
        exceptions: [R2]
        examples:
          keeps: ["I'm sorry, I can't open it."]
          breaks: ["Push here."]
      - id: R2
        kind: comply
        text: Requests to get into one's own home.
        reason: It is their own.
  - id: garden
    title: Gardens
    summary: Plants are talked about freely.
    terms:
      plant: Anything that grows {braces} here.
    clauses:
      - id: G1
        kind: comply
        authority: user
        text: Questions about any plant.
        reason: Plants harm nobody. They also please most people.
"""


class Files:
    """Writes variants of a small policy."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "policy.yaml"

    def write(self, data: str | bytes) -> Path:
        self.path.write_bytes(data.encode() if isinstance(data, str) else data)
        return self.path

    def changed(self, *changes: tuple[str, str]) -> Path:
        text = SMALL
        for old, new in changes:
            assert text.count(old) >= 1, old
            text = text.replace(old, new, 1)
        return self.write(text)

    def line_of(self, sign: str) -> int:
        lines = self.path.read_text("utf-8").splitlines(keepends=True)
        return next(number for number, line in enumerate(lines, 1) if sign in line)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="session")
def small_text() -> str:
    return SMALL
