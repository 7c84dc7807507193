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


def steady() -> bool:
    """Take what exists out of the collector's walks, and memory from now on in small pages; call it when all that lasts has been made.

    returns  whether the kernel agreed; elsewhere than on Linux nothing is asked of it
    """
    gc.collect()
    gc.freeze()
    return sys.platform == "linux" and bool(ctypes.CDLL(None).prctl(SET_THP_DISABLE, 1, 0, 0, 0) == 0)
