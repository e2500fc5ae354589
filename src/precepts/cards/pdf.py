"""The card on paper: printed by a browser that is installed, since no other program lays it out alike."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from precepts.errors import MissingError, PreceptsError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LONGEST_S = 180


def browser() -> str | None:
    """The path of a browser that prints, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def print_pdf(page: Path, out: Path) -> None:
    """Prints a page to PDF, without network and with a profile that is thrown away.

    Raises:
        MissingError: If no browser is installed.
        PreceptsError: If the browser does not print it.
    """
    program = browser()
    if program is None:
        raise MissingError("Printing to PDF needs Chromium, which is not installed. On Debian: apt install chromium")
    with tempfile.TemporaryDirectory() as profile:
        argv = [program, "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={profile}", f"--print-to-pdf={out.resolve()}"]  # fmt: skip
        if os.geteuid() == 0:
            argv.append("--no-sandbox")  # the sandbox refuses to run as root; the page holds no script
        try:
            done = subprocess.run(
                [*argv, page.resolve().as_uri()], capture_output=True, timeout=_LONGEST_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise PreceptsError(f"{program} did not print {page} within {_LONGEST_S} s. Build with --no-pdf.") from None
    if done.returncode or not out.exists():
        raise PreceptsError(
            f"{program} did not print {page}. Build with --no-pdf. It said: {done.stderr.decode(errors='replace')[-300:]}"
        )
