"""The only writer: gives every row and event its seq, and lets nobody act on what is not written.

    rows = sequencer.stamp(feed.rows)      # from here on they have happened
    rows = sequencer.tell(Pause(...))      # so has this; the core hears it as a CONTROL row under the same seq

`ts_recv` never falls: a row that claims to come before one already written gets that one's time. The sequencer reads
no clock, times come in with the rows and events.
"""

import msgspec
import numpy as np

from polaris.domain.control import row_of
from polaris.domain.kernel import kernel
from polaris.domain.market import ROW, RowBuffer, Rows
from polaris.log.write import LogWriter


class Sequencer:
    """Seqs for what comes in, in the order it comes. Continues where the log ends."""

    def __init__(self, writer: LogWriter) -> None:
        self.writer = writer

    @property
    def next_seq(self) -> int:
        """The seq the next row or event gets."""
        return self.writer.next_seq

    @property
    def ts(self) -> int:
        """The log's clock: the highest ts_recv so far, ns UTC."""
        return self.writer.ts

    def stamp(self, rows: RowBuffer | Rows) -> Rows:
        """Give rows their seqs and write them; a RowBuffer is empty afterwards.

        returns  a copy with seq and ts_recv final, the caller's to keep
        raises   Unavailable where the log can't be written: then nothing may be acted on
        """
        if isinstance(rows, RowBuffer):
            stamped = rows.take()
        else:
            stamped = np.frombuffer(bytearray(rows.tobytes()), ROW)  # ndarray.copy goes field by field: four times as slow
        if len(stamped):
            number(stamped.view(np.int64), self.writer.next_seq, self.writer.ts)
            self.writer.append_numbered(stamped)
        return stamped

    def tell(self, event: msgspec.Struct) -> Rows:
        """Write an event under its own seq.

        returns  the one CONTROL row by which the core hears of it; no row where it need not
        """
        seq = self.writer.next_seq
        self.writer.append_event(seq, event)
        return control_rows(seq, event, self.writer.ts)


@kernel
def number(words, seq, ts):  # type: ignore[no-untyped-def]
    """Give rows their seqs, from `seq` on, and let no ts_recv be below ts or the one before.

    words  int64[8 n]: the rows as they lie in memory, seq at 0 and ts_recv at 2
    """
    for row in range(0, words.size, 8):
        words[row] = seq
        seq += 1
        ts = max(ts, words[row + 2])
        words[row + 2] = ts


def control_rows(seq: int, event: object, ts: int) -> Rows:
    """The CONTROL row of the event written as `seq` when the log's clock was ts; empty where the core need not hear of it."""
    fields = row_of(event)  # type: ignore[arg-type]
    if fields is None:
        return np.zeros(0, ROW)
    ts_event, _, *rest = fields
    return np.array([(seq, ts_event, ts, *rest)], ROW)
