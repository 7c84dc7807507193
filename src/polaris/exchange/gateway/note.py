"""What the core has no use for but the journal must keep: 64 bytes beside each command.

The nth note belongs to the nth command: who asked, under which name, when. Orders by client id, order lists and users' history
are a fold of commands, notes and the core's events, live and in recovery alike. Fields nobody set are zero.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

NOTE: Final = np.dtype(
    [
        ("received", "<i8"),  # ns UTC, when its request came in
        ("number", "<i8"),  # the dialect's own
        ("client_id", "S36"),  # the client's name for what `kind` says, padded with zero bytes
        ("session", "<u4"),  # which connection
        ("list_id", "<u4"),  # the order list it is a leg of; 0: none
        ("origin", "<u1"),  # which dialect
        ("kind", "<u1"),  # what the client id names; 0: the order
        ("reserved", "V2"),
    ]
)
assert NOTE.itemsize == 64
Notes = npt.NDArray[np.void]  # a 1-d array of dtype NOTE


def blank(count: int) -> Notes:
    """NOTE[count] that say nothing."""
    return np.zeros(count, NOTE)
