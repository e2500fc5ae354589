"""Progress of an Inspect evaluation, as this package shows it: a hook that counts samples while a block runs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from inspect_ai.hooks import Hooks, SampleEnd, hooks

from precepts.progress import Bar, progress

_bars: list[Bar] = []


@hooks(name="precepts_progress", description="Counts finished samples while `precepts eval` runs.")
class _Count(Hooks):
    def enabled(self) -> bool:
        return bool(_bars)

    async def on_sample_end(self, data: SampleEnd) -> None:
        for bar in _bars:
            bar.advance()


@contextmanager
def watched(label: str, total: int) -> Generator[None]:
    """Shows samples as they end."""
    with progress(label, total, unit="cells") as bar:
        _bars.append(bar)
        try:
            yield
        finally:
            _bars.remove(bar)
