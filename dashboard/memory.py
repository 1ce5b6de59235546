"""How the web server takes memory from the machine, so that it can give back what pages took when they are closed.

Python takes it in pieces of a megabyte, and one object that outlives a crowd of pages keeps a whole piece. The C
library can give back every free page of 4 kB, when asked.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

# Not MALLOC_ARENA_MAX=1 as well: less of what 50 pages had taken came back.
NAME, VALUE = "PYTHONMALLOC", "malloc"


def take_from_the_c_library() -> None:
    """Begin this process anew with the C library's allocator under Python's objects, which is chosen as Python starts.

    Nothing happens where that is so already, where somebody chose (PYTHONMALLOC), or where the C library is not
    glibc. Only for a program's first lines: what was done before is done again.
    """
    if not _is_glibc():
        return
    if sys.getallocatedblocks() == 0:  # what Python's own allocator has handed out
        if os.environ.get(NAME) == VALUE:  # the processes of fits go on with Python's own
            del os.environ[NAME]
    elif NAME not in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, NAME: VALUE})


def give_back() -> bool:
    """Give back to the machine what is free; whether there was something. False where the C library is not glibc."""
    return _is_glibc() and bool(ctypes.CDLL(None).malloc_trim(0))


def _is_glibc() -> bool:
    return sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
