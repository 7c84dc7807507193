"""Keep the process's own housekeeping out of a frame's way.

Two things stop a Python process for milliseconds now and then, whatever its code does. The collector of cycles walks
everything that was ever made, most of which lasts as long as the process. And memory in huge pages (numpy asks for them
in every large array) is cleared two megabytes at a time on the first touch, 5 ms and more on a busy machine, which a
growing record buffer does in the middle of a frame.
"""

import ctypes
import gc
import sys
from typing import Final

SET_THP_DISABLE: Final = 41  # PR_SET_THP_DISABLE of prctl(2)


def steady(collects: bool = True) -> bool:
    """Take what exists out of the collector's walks, and memory from now on in small pages; call it when all that lasts has been made.

    collects  False: no walks at all any more, for a process that makes no cycles but keeps most of what it makes (every order of an
              exchange): each walk would be longer than the one before. What is let go is freed all the same, by its count of references
    returns   whether the kernel agreed; elsewhere than on Linux nothing is asked of it
    """
    gc.collect()
    gc.freeze()
    if not collects:
        gc.disable()
    return sys.platform == "linux" and bool(ctypes.CDLL(None).prctl(SET_THP_DISABLE, 1, 0, 0, 0) == 0)
