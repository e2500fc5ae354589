"""Freed memory is kept for the next tensor instead of being given back to the system at every step.

The C library maps each large tensor anew and unmaps it when freed, so the kernel clears the same pages again and again: on two cores
that was most of the time of a training step (docs/log.md). PyTorch has a caching allocator for CUDA and none for CPU.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # malloc.h of the GNU C library


def keep_freed_memory() -> bool:
    """Sets this process up so; may be called again. False where the C library is another than GNU's: nothing is changed then."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  only the GNU C library has it
    except (AttributeError, OSError):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 << 20), (_ARENA_MAX, 1))
    return all(bool(library.mallopt(name, value)) for name, value in settings)
