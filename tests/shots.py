"""Screenshots of a card and of `precepts serve`, at the widths of a desk and of a phone.

python tests/shots.py RUN CARD.html OUT
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from browser import chromium
from precepts.serve import Guard, Library, make_app

WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}


def main(run: Path, card: Path, out: Path) -> None:
    card, out = card.resolve(), out.resolve()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        here = Path(folder)
        (here / "runs").mkdir()
        (here / "runs" / run.resolve().name).symlink_to(run.resolve())
        os.chdir(here)
        library = Library(Path("runs") / run.resolve().name, cache=here / "cache")
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(library, labels=here / "labels", rater="ann", guard=Guard()),
                log_level="warning",
                access_log=False,
            )
        )
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        tables = [table for table in library.runs()[0].tables if table.set == "test"] or list(library.runs()[0].tables)
        ours = next((table for table in tables if table.arm == "sft"), tables[-1])
        base = next((table for table in tables if table.arm == "base"), tables[0])
        pages = {
            "card": card.as_uri(),
            "serve-runs": f"{url}/",
            "serve-cases": f"{url}/cases?{urlencode({'t': ours.id, 'differs': 'policy'})}",
            "serve-case": f"{url}/case?{urlencode({'t': ours.id, 'row': 3})}",
            "serve-compare": f"{url}/compare?{urlencode({'a': base.id, 'b': ours.id})}",
        }
        with chromium() as tab:
            tab.call("Emulation.setScrollbarsHidden", hidden=True)
            for name, address in pages.items():
                for width, (across, down) in WIDTHS.items():
                    tab.open(address, width=across, height=down)
                    tab.shot(out / f"{name}-{width}.png")
                    print(out / f"{name}-{width}.png", flush=True)
        server.should_exit = True


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
