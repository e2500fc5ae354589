"""`precepts serve`: pages over runs, for a browser on this machine."""

from __future__ import annotations

import getpass
import importlib
import os
import re
import secrets
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from precepts.errors import InputError, MissingError
from precepts.runs import PLAN


def serve(
    runs: Annotated[Path, typer.Argument(help="A directory that holds runs, or one run.")] = Path("runs"),
    host: Annotated[
        str, typer.Option(help="The address to listen on. Beyond this machine, a key is asked for.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 7787,
    rater: Annotated[str | None, typer.Option(help="Who labels. Default: the name of the user.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Where labels are written. Default: labels/ beside the runs.")
    ] = None,
) -> None:
    """Shows runs in a browser: lists, cases with reasoning and judgments, two runs compared, labels by a person. Ctrl-C stops it."""
    uvicorn = _uvicorn()
    from precepts.serve import Guard, Library, make_app
    from precepts.serve.guard import is_loopback
    from precepts.serve.people import check_rater

    key = "" if is_loopback(host) else secrets.token_urlsafe(18)
    guard = Guard(host=host, key=key)
    library = Library(runs, cache=_cache())
    beside = runs.resolve().parent if (runs / PLAN).is_file() else runs
    who = rater or re.sub(r"[^A-Za-z0-9_.-]", "-", getpass.getuser()).lstrip("_.-")[:40] or "me"
    check_rater(who)
    app = make_app(library, labels=labels or beside / "labels", rater=who, guard=guard)
    with _listening(host, port) as listener:
        name = f"[{host}]" if ":" in host else host
        print(f"http://{name}:{listener.getsockname()[1]}/" + (f"?key={key}" if key else ""), flush=True)
        if key:
            print(
                "precepts: whoever has this address and can reach this machine reads everything in the runs",
                file=sys.stderr,
            )
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, date_header=False)
        uvicorn.Server(config).run(sockets=[listener])


def _uvicorn() -> Any:
    try:
        return importlib.import_module("uvicorn")
    except ImportError:
        raise MissingError(
            "This needs uvicorn and starlette. Install them with: pip install 'precepts[serve]'"
        ) from None


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "precepts" / "serve"


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(
            f"Cannot listen on {host}:{port} ({error.strerror}). Give another --port, or 0 for a free one."
        ) from None
