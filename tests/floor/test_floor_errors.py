"""Errors that a person can act on: each is also the stdlib error it replaces, and says only its message."""

from __future__ import annotations

import pytest

from precepts.errors import BusyError, DigestError, InputError, MissingError, PreceptsError, needs_extra


@pytest.mark.parametrize(
    ("error", "stdlib"),
    [
        (InputError, ValueError),
        (MissingError, FileNotFoundError),
        (BusyError, BlockingIOError),
        (DigestError, ValueError),
    ],
)
def test_a_users_mistake_is_also_the_stdlib_error_it_replaces(
    error: type[PreceptsError], stdlib: type[Exception]
) -> None:
    caught = error("Give a file.")
    assert isinstance(caught, stdlib)
    assert str(caught) == "Give a file."
    assert caught.exit_code == 2


def test_an_error_with_a_place_has_the_form_that_editors_jump_to() -> None:
    assert str(InputError.at("p.yaml", 7, "no")) == "p.yaml:7: no"
    assert str(InputError.at("p.yaml", None, "no")) == "p.yaml: no"


def test_a_missing_package_says_how_to_install_it() -> None:
    assert "pip install 'precepts[train]'" in str(needs_extra("trl"))
