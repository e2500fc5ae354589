"""`precepts chat`: talk to a model; its reasoning is shown apart from its answer."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from precepts.cli.counts import at_least
from precepts.types import Message


def chat(
    ref: Annotated[str, typer.Argument(help="A run, or any model reference.")],
    max_tokens: Annotated[int, typer.Option(callback=at_least(1), help="Longest completion, in tokens.")] = 192,
) -> None:
    """Talks to a model. An empty line or Ctrl-D ends; /new begins again."""
    from precepts.models import Sampling, open_model, parse
    from precepts.pipelines.config import FREQUENCY_PENALTY

    console, quiet = Console(), not sys.stdin.isatty()
    with Console(stderr=True).status(f"loading {ref}"):
        model = open_model(ref)
    turns: list[Message] = []
    sampling = Sampling(max_tokens=max_tokens, frequency_penalty=FREQUENCY_PENALTY)
    while True:
        try:
            line = input("" if quiet else "you> ").strip()
        except EOFError:
            break
        if not line:
            break
        if line == "/new":
            turns = []
            continue
        turns.append(Message(role="user", content=line))
        made = model.generate([turns], sampling=sampling)[0]
        if made.error:
            print(f"precepts: {made.error}", file=sys.stderr)
            turns.pop()
            continue
        parsed = parse(made.text)
        if parsed.cot:
            console.print(Text(_printable(parsed.cot), style="dim"))
        answer = _printable(parsed.answer) + (" […]" if made.stop_reason == "length" else "")
        console.print(Text(answer, style="bold"))
        # The trained model answers from the bare conversation: its earlier reasoning is not put back.
        turns.append(Message(role="assistant", content=parsed.answer or made.text))


def _printable(text: str) -> str:
    """Model output is hostile text: control characters would move the cursor or change the terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() else "�" for c in text)
