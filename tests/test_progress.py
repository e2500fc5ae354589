"""Lines of progress where there is no terminal."""

from __future__ import annotations

from precepts.progress import progress


def test_work_that_gives_more_than_was_asked_for_never_has_less_than_no_time_left(capsys):
    with progress("puzzles", 2, unit="puzzles") as bar:
        bar.advance(4)
    said = capsys.readouterr().err
    assert said.startswith("puzzles: 4/4, ")
    assert said.endswith(" puzzles/s, 0 s left\n")


def test_what_was_read_from_an_earlier_try_says_nothing_of_the_rate(capsys):
    with progress("puzzles", 2) as bar:
        bar.advance(2, replayed=True)
    assert not capsys.readouterr().err
