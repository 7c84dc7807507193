"""The only writer: gives every row and event its seq, and lets nobody act on what is not written.

    rows = sequencer.stamp(feed.rows)      # from here on they have happened
    rows = sequencer.tell(Pause(...))      # so has this; the core hears it as a CONTROL row under the same seq

`ts_recv` never falls: a row that claims to come before one already written gets that one's time. The sequencer reads
no clock, times come in with the rows and events.
"""

import msgspec
import numpy as np

from polaris.domain.control import row_of
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
        fresh = rows.view() if isinstance(rows, RowBuffer) else rows
        stamped = np.frombuffer(bytearray(fresh.tobytes()), ROW)  # ndarray.copy goes field by field: four times as slow
        if isinstance(rows, RowBuffer):
            rows.clear()
        n = len(stamped)
        if n:
            first = self.writer.next_seq
            stamped["seq"] = np.arange(first, first + n)
            ts_recv = stamped["ts_recv"]
            ts_recv[0] = max(int(ts_recv[0]), self.writer.ts)
            np.maximum.accumulate(ts_recv, out=ts_recv)
            self.writer.append_rows(stamped)
        return stamped

    def tell(self, event: msgspec.Struct) -> Rows:
        """Write an event under its own seq.

        returns  the one CONTROL row by which the core hears of it; no row where it need not
        """
        seq = self.writer.next_seq
        self.writer.append_event(seq, event)
        return control_rows(seq, event, self.writer.ts)


def control_rows(seq: int, event: object, ts: int) -> Rows:
    """The CONTROL row of the event written as `seq` when the log's clock was ts; empty where the core need not hear of it."""
    fields = row_of(event)  # type: ignore[arg-type]
    if fields is None:
        return np.zeros(0, ROW)
    ts_event, _, *rest = fields
    return np.array([(seq, ts_event, ts, *rest)], ROW)
