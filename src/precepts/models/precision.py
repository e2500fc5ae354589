"""In which numbers models are run."""

from __future__ import annotations

import os
from typing import Literal, get_args

from precepts.errors import InputError

Precision = Literal["bfloat16", "float32"]


def precision() -> Precision:
    """`$PRECEPTS_DTYPE`: `bfloat16`, the default, half the memory and faster; or `float32`, which hangs less on the processor's rounding.

    Raises:
        InputError: If it is neither.
    """
    given = os.environ.get("PRECEPTS_DTYPE") or "bfloat16"
    for known in get_args(Precision):
        if given == known:
            return known
    raise InputError(f"PRECEPTS_DTYPE is {given!r}; give bfloat16 or float32, or leave it unset.")
