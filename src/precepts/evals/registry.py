"""What Inspect finds by this package's entry point: the provider, the suites as tasks, and the attacks as solvers."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from precepts.errors import PreceptsError
from precepts.evals import suites as suites
from precepts.models import registry as provider
from precepts.redteam import solvers

__all__ = ["provider", "solvers", "suites"]

_OTHERS = sys.excepthook


def _in_one_line(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """A user's mistake as one line that says what to do, as this package's own command prints it; anything else as Inspect does."""
    if isinstance(error, PreceptsError):
        print(f"precepts: {error}", file=sys.stderr)
    else:
        _OTHERS(kind, error, traceback)


if Path(sys.argv[0]).stem == "inspect":  # in Inspect's command alone: elsewhere exceptions are the program's own
    sys.excepthook = _in_one_line
