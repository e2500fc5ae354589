"""The command line: parse, call one function, print.

Results go to stdout, progress and logs to stderr. Exit codes: 0 done, 1 a gate failed, 2 usage, 3 evidence insufficient, 130 interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from precepts.cli import (
    align,
    attack,
    audit,
    card,
    chat,
    data,
    diff,
    gate,
    imports,
    judge,
    models,
    pairwise,
    policy,
    serve,
    suites,
    w2s,
)
from precepts.errors import DiskFullError, PreceptsError
from precepts.runs import no_room

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Teach a model your written policy, and prove with numbers anyone can recompute that it keeps it.",
)  # fmt: skip
app.add_typer(align.app, name="align")
app.add_typer(audit.app, name="audit")
app.add_typer(card.app, name="card")
app.command("gate")(gate.gate)
app.command("diff")(diff.diff)
app.command("serve")(serve.serve)
app.add_typer(gate.app, name="risk")
app.add_typer(policy.app, name="policy")
app.add_typer(data.app, name="data")
app.add_typer(judge.app, name="judge")
app.add_typer(models.app, name="models")
app.add_typer(w2s.app, name="w2s")
app.add_typer(pairwise.app, name="pairwise")
app.add_typer(attack.app, name="attack")
app.command("chat")(chat.chat)
app.command("eval")(suites.evaluate)
app.command("import")(imports.import_results)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from precepts import __version__

        print(__version__)
        raise typer.Exit


def main() -> None:
    """The console script. A user's mistake is one clear line and exit code 2, never a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        app()
    except PreceptsError as error:
        print(f"precepts: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("precepts: interrupted; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except Exception as error:
        if not no_room(error):
            raise
        full = DiskFullError.of(error.filename if isinstance(error, OSError) else None)
        print(f"precepts: {full}", file=sys.stderr)
        raise SystemExit(full.exit_code) from None
