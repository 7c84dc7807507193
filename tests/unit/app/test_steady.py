"""Housekeeping that would stop a frame."""

import subprocess
import sys

ASK = """
import ctypes, gc, sys
from polaris.app.steady import steady
agreed = steady()
GET_THP_DISABLE = 42
print(agreed == (ctypes.CDLL(None).prctl(GET_THP_DISABLE, 0, 0, 0, 0) == 1) if sys.platform == "linux" else not agreed, gc.get_freeze_count() > 1000, gc.isenabled())
"""


def test_what_lasts_is_not_walked_again_and_new_memory_comes_in_small_pages():
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "True", "True"]
