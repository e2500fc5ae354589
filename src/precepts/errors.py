"""Errors that a person can act on.

A user's mistake is a `PreceptsError` that is also the stdlib error it replaces. Its message says what was given, what was
expected and what to do, with file and line where there is one; the command line prints it without a traceback and exits
with `exit_code`. A programmer's mistake is an assert. A bad *row* is data: recorded with its error, counted, never fatal.
"""

from __future__ import annotations

from pathlib import Path


class PreceptsError(Exception):
    """Anything a user can cause and mend."""

    exit_code: int = 2


class InputError(PreceptsError, ValueError):
    """A file, option or row that is not what was expected."""

    @classmethod
    def at(cls, path: Path | str, line: int | None, what: str) -> InputError:
        """An error that names its place as `path:line: what`, the form editors can jump to."""
        return cls(f"{path}:{line}: {what}" if line else f"{path}: {what}")


class MissingError(PreceptsError, FileNotFoundError):
    """A file, model, data set or optional package that is not here; the message says how to get it."""

    def __str__(self) -> str:
        """The message alone, without the errno that FileNotFoundError would print."""
        return str(self.args[0]) if self.args else ""


class BusyError(PreceptsError, BlockingIOError):
    """Another process is writing the same run directory."""

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0]) if self.args else ""


class DigestError(PreceptsError, ValueError):
    """A file is not the one that was recorded: its sha256 differs."""


class DiskFullError(PreceptsError, OSError):
    """There is no room for what was to be written."""

    @classmethod
    def of(cls, path: Path | str | None) -> DiskFullError:
        """The error for a place."""
        where = f" at {path}" if path else ""
        return cls(f"No room is left on the disk{where}. Free some and run the same command: it goes on from here.")

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0]) if self.args else ""


def needs_extra(package: str, extra: str = "train") -> MissingError:
    """The error for an optional package that is not installed; `extra` names what to install."""
    return MissingError(
        f"This needs {package}, which is not installed. Install it with: pip install 'precepts[{extra}]'"
    )
