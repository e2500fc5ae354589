"""What the pages read: runs found on disk, an index for each table that somebody looks at, cases by their row."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from precepts.errors import InputError
from precepts.serve.index import Index, build_index, keep_index, load_index, stored
from precepts.serve.tables import RunFolder, Table, find_runs

_AT_ONCE = 16 * 2**20
_FRESH_S = 3.0
_MOST_ROWS = 6_000_000


@dataclass
class Building:
    """An index that is being made in a thread of its own."""

    total: int
    done: int = 0
    error: str = ""


class Library:
    """Runs below a directory. Safe to use from several threads; nothing in the runs is written to."""

    def __init__(self, root: Path, *, cache: Path) -> None:
        """Runs at or below `root`; indexes are kept in `cache`."""
        self.root, self.cache = root, cache
        self._lock = threading.Lock()
        self._runs: tuple[RunFolder, ...] = ()
        self._read_at = 0.0
        self._indexes: OrderedDict[str, tuple[Path, Index]] = OrderedDict()
        self._building: dict[Path, Building] = {}
        self.runs()

    def runs(self) -> tuple[RunFolder, ...]:
        """The runs, looked up again when the last look is three seconds old."""
        with self._lock:
            if not self._read_at or time.monotonic() - self._read_at > _FRESH_S:
                self._runs = find_runs(self.root)
                self._read_at = time.monotonic()
            return self._runs

    def run(self, name: str) -> RunFolder:
        """The run of this name.

        Raises:
            InputError: If there is none.
        """
        found = next((run for run in self.runs() if run.name == name), None)
        if found is None:
            raise InputError(f"There is no run {name!r:.120} here.")
        return found

    def table(self, name: str) -> Table:
        """The table of this id. A name that was not found on disk leads nowhere, so no path can be made of one.

        Raises:
            InputError: If there is none.
        """
        found = next((table for run in self.runs() for table in run.tables if table.id == name), None)
        if found is None:
            raise InputError(f"There is no table {name!r:.120} here.")
        return found

    def index(self, table: Table, *, wait: bool = False) -> Index | Building:
        """The index of a table; of a large one that has none yet, how far it has come, unless `wait`."""
        place = stored(table, self.cache)
        with self._lock:
            held = self._indexes.get(table.id)
            if held is not None and held[0] == place:
                self._indexes.move_to_end(table.id)
                return held[1]
            building = self._building.get(place)
        if building is not None and not building.error and not wait:
            return building
        if (kept := load_index(place)) is not None:
            return self._hold(table, place, kept)
        if wait or table.size <= _AT_ONCE:
            index = build_index(table)
            if table.size > _AT_ONCE:
                keep_index(index, place)
            return self._hold(table, place, index)
        building = Building(table.size)
        with self._lock:
            if place in self._building and not self._building[place].error:
                return self._building[place]
            self._building[place] = building
        threading.Thread(target=self._build, args=(table, place, building), daemon=True).start()
        return building

    def _build(self, table: Table, place: Path, building: Building) -> None:
        def told(done: int) -> None:
            building.done = done

        try:
            index = build_index(table, on_progress=told)
            keep_index(index, place)
            self._hold(table, place, index)
            with self._lock:
                self._building.pop(place, None)
        except OSError as error:
            building.error = str(error)

    def _hold(self, table: Table, place: Path, index: Index) -> Index:
        with self._lock:
            self._indexes[table.id] = (place, index)
            self._indexes.move_to_end(table.id)
            while len(self._indexes) > 1 and sum(one.cases.height for _, one in self._indexes.values()) > _MOST_ROWS:
                self._indexes.popitem(last=False)
        return index
