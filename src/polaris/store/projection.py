"""The projection: records of the log become rows of SQL, each exactly once.

One `apply` is one transaction that also moves the last seq applied: whatever kills the process, the tables hold a
prefix of the log and know which. Applying the same records again changes nothing, so after a crash `catch_up` reads
on from there. A database of another schema version is emptied and filled again from the log instead of migrated: the
log is the truth and this a copy of it, and a migration could only be wrong where reading again can't.

Writing takes milliseconds, so the owner calls it from a thread of its own, many records at a time, never from the
loop that trades. One projection writes a database; any number may read it.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Engine, bindparam, create_engine, delete, event, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from polaris.domain.control import Started, Stopped
from polaris.domain.errors import BadConfig, BadData, BadLog, Unavailable
from polaris.domain.instrument import Instruments
from polaris.domain.numbers import MONEY_DECIMALS, text
from polaris.domain.orders import (
    ACCEPTED,
    CANCEL,
    CANCEL_FAILED,
    CANCELED,
    EQUITY,
    EXPIRED_ORDER,
    FILL,
    REFUSAL_NAMES,
    REFUSED,
    REJECTED_ORDER,
    STATE_NAMES,
    SUBMIT,
    TYPE_NAMES,
    Records,
)  # fmt: skip
from polaris.log.read import EventBlock, RecordsBlock, blocks, instruments_of
from polaris.log.recovery import inspect as inspect_log
from polaris.store.tables import SCHEMA_VERSION, equity, fills, metadata, orders, projection, refusals, runs
from polaris.views.records import each, liquidity_name, side_name

BATCH: Final = 20_000  # records a transaction when reading a log

_MOVES_ORDER: Final = frozenset((ACCEPTED, FILL, CANCEL, CANCELED, CANCEL_FAILED, EXPIRED_ORDER, REJECTED_ORDER))
_MOVE: Final = update(orders).where(orders.c.order_id == bindparam("moved"))


class Projection:
    """The tables at a URL, kept equal to a log.

    url       any of SQLAlchemy's: "sqlite:////var/lib/polaris/desk.db", "postgresql+psycopg://..."
    last_seq  everything the core derived from rows up to here is in the tables
    raises    BadConfig where the database holds tables of these names that are not ours
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.last_seq = self._open()

    def apply(self, seq: int, records: Records, instruments: Instruments) -> int:
        """Write all that the core derived from the rows after `last_seq` up to `seq`, in one transaction.

        seq      the last row they cover; a batch holds every record of the seqs it names
        records  RECORD[n], in order of seq; those at or before `last_seq` are there already and left out
        returns  how many were new
        """
        seqs = records["seq"]
        if len(seqs) and int(seqs[-1]) > seq:
            raise BadData(f"records up to seq {int(seqs[-1])} can't be applied as those up to {seq}")
        if seq <= self.last_seq:
            return 0
        new = records[seqs > self.last_seq]
        batch = _Batch(new, instruments)
        try:
            with self.engine.begin() as connection:
                moved = update(projection).where(projection.c.id == 1, projection.c.seq == self.last_seq).values(seq=seq)
                if connection.execute(moved).rowcount != 1:
                    raise Unavailable(f"{self.engine.url}: another process moved this projection on from seq {self.last_seq}; only one may")
                batch.write(connection)
        except IntegrityError as cause:
            raise BadData(f"{self.engine.url}: after seq {self.last_seq}: {cause.orig}") from cause
        self.last_seq = seq
        return len(new)

    def apply_event(self, seq: int, told: object) -> None:
        """Write that a run began or ended; other events are no concern of the tables. Twice changes nothing."""
        match told:
            case Started():
                with self.engine.begin() as connection:
                    if connection.execute(select(runs.c.seq).where(runs.c.seq == seq)).first() is None:
                        connection.execute(insert(runs).values(seq=seq, ts=told.ts, version=told.version, mode=told.mode, kernels=told.kernels))
            case Stopped():
                ended = {"stopped_seq": seq, "stopped_ts": told.ts, "stop_reason": told.reason}
                ended |= {"state_digest": told.state_digest, "decisions_digest": told.decisions_digest}
                with self.engine.begin() as connection:
                    begun = connection.execute(select(runs.c.seq).where(runs.c.seq < seq).order_by(runs.c.seq.desc()).limit(1)).scalar()
                    connection.execute(update(runs).where(runs.c.seq == begun).values(ended))

    def catch_up(self, log_directory: Path | str) -> int:
        """Read the log on from `last_seq`; from its beginning where the tables are of another log. Returns how many records were new."""
        started = self._started_in(Path(log_directory))
        if started is None:
            self._empty()
        instruments = instruments_of(started) if started else None
        waiting: list[Records] = []
        size = written = 0

        def flush(keep_last: bool) -> None:
            nonlocal waiting, size, written
            if not waiting:
                return
            together = np.concatenate(waiting)
            whole = int(np.searchsorted(together["seq"], together["seq"][-1])) if keep_last else len(together)
            ready, rest = together[:whole], together[whole:]
            if len(ready):
                if instruments is None:
                    raise BadLog(log_directory, f"records of seq {int(ready['seq'][0])} before any run began: their instruments are not known")
                written += self.apply(int(ready["seq"][-1]), ready, instruments)
            waiting, size = [rest] if len(rest) else [], len(rest)

        for block in blocks(log_directory, self.last_seq + 1):
            match block:
                case RecordsBlock(records=records):
                    waiting.append(records)
                    size += len(records)
                    if size >= BATCH:
                        flush(keep_last=True)  # more records of the newest seq may follow
                case EventBlock(seq=seq, event=Started() | Stopped() as told):
                    flush(keep_last=False)
                    self.apply_event(seq, told)
                    if isinstance(told, Started):
                        instruments = instruments_of(told)
        flush(keep_last=False)
        return written

    def rebuild(self, log_directory: Path | str) -> int:
        """Empty the tables and fill them from the log; returns how many records it holds."""
        self._empty()
        return self.catch_up(log_directory)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def _open(self) -> int:
        there = set(inspect(self.engine).get_table_names())
        ours = set(metadata.tables)
        if projection.name not in there:
            if taken := sorted(there & ours):
                raise BadConfig(f"{self.engine.url}: table {taken[0]!r} is there but is no projection of ours; give Polaris a database of its own")
            self._create()
            return 0
        with self.engine.connect() as connection:
            found = connection.execute(select(projection.c.schema_version, projection.c.seq)).first()
        if found is None or found.schema_version != SCHEMA_VERSION or not ours <= there:
            self._drop()
            self._create()
            return 0
        return int(found.seq)

    # `projection` is made first and dropped last, its row written last and deleted first: a crash between leaves
    # tables that the next opening knows for ours and unfinished
    def _create(self) -> None:
        projection.create(self.engine)
        metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            connection.execute(insert(projection).values(id=1, schema_version=SCHEMA_VERSION, seq=0))

    def _drop(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(projection))
        metadata.drop_all(self.engine, tables=[table for table in metadata.sorted_tables if table is not projection])
        projection.drop(self.engine)

    def _empty(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(projection).values(seq=0))
            for table in (orders, fills, refusals, equity, runs):
                connection.execute(delete(table))
        self.last_seq = 0

    def _started_in(self, log_directory: Path) -> Started | None:
        """The run that the tables end with, if this log has it too and is long enough."""
        with self.engine.connect() as connection:
            run = connection.execute(select(runs.c.seq, runs.c.ts).where(runs.c.seq <= self.last_seq).order_by(runs.c.seq.desc()).limit(1)).first()
        if run is None or inspect_log(log_directory).last_seq < self.last_seq:
            return None
        block = next(blocks(log_directory, run.seq, run.seq), None)
        if isinstance(block, EventBlock) and isinstance(block.event, Started) and block.event.ts == run.ts:
            return block.event
        return None


class _Batch:
    """Records as the rows of each table, the newest state of each order last."""

    def __init__(self, records: Records, instruments: Instruments) -> None:
        self.rows: dict[Any, list[dict[str, Any]]] = {orders: [], fills: [], refusals: [], equity: []}
        self.moves: dict[int, dict[str, Any]] = {}
        self.instruments = instruments
        before, ordinal = -1, 0
        for record in each(records):
            ordinal = ordinal + 1 if record.seq == before else 0
            before = record.seq
            if record.kind == EQUITY:
                self._sample(record, ordinal)
            elif record.kind in (SUBMIT, FILL, REFUSED):
                self._place(record, ordinal)
            if record.kind in _MOVES_ORDER:
                self.moves[record.order] = {
                    "moved": record.order, "state": STATE_NAMES[record.state], "updated_ts": record.ts,
                    "filled_lots": record.filled, "filled": instruments[record.instrument].quantity_text(record.filled),
                }  # fmt: skip

    def write(self, connection: Connection) -> None:
        """Insert every row, then move the orders to their newest states."""
        for table, values in self.rows.items():
            if values:
                connection.execute(insert(table), values)
        if self.moves:
            connection.execute(_MOVE, list(self.moves.values()))

    def _sample(self, record: Any, ordinal: int) -> None:
        self.rows[equity].append({
            "seq": record.seq, "ordinal": ordinal, "ts": record.ts,
            "equity_units": record.money, "equity": text(record.money, MONEY_DECIMALS), "cash_units": record.cash, "cash": text(record.cash, MONEY_DECIMALS),
            "realised": _finite(record.figure), "drawdown": _finite(record.limit),
        })  # fmt: skip

    def _place(self, record: Any, ordinal: int) -> None:
        of = self.instruments[record.instrument]
        row = {
            "seq": record.seq, "ordinal": ordinal, "ts": record.ts, "symbol": of.symbol, "side": side_name(record.side),
            "price_ticks": record.price, "price": of.price_text(record.price), "quantity_lots": record.lots, "quantity": of.quantity_text(record.lots),
        }  # fmt: skip
        if record.kind == SUBMIT:
            row |= {"order_id": record.order, "type": TYPE_NAMES[record.type], "state": STATE_NAMES[record.state], "updated_ts": record.ts}
            row |= {"filled_lots": record.filled, "filled": of.quantity_text(record.filled), "forecast": _finite(record.forecast)}
            self.rows[orders].append(row)
        elif record.kind == FILL:
            row |= {"order_id": record.order, "liquidity": liquidity_name(record.liquidity)}
            row |= {"fee_units": record.money, "fee": text(record.money, MONEY_DECIMALS), "cash_units": record.cash, "cash": text(record.cash, MONEY_DECIMALS)}
            row |= {"position_lots": record.position, "position": of.quantity_text(record.position)}
            self.rows[fills].append(row)
        else:
            row |= {"type": TYPE_NAMES[record.type], "reason": REFUSAL_NAMES[record.reason]}
            row |= {"figure": _finite(record.figure), "limit": _finite(record.limit)}
            self.rows[refusals].append(row)


def _finite(value: float) -> float | None:
    """A float as SQL can keep it: null where it is no finite number."""
    return value if abs(value) < float("inf") else None


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    try:
        engine.connect().close()
    except OperationalError as cause:
        raise Unavailable(f"{engine.url}: the database can't be opened: {cause.orig}") from cause
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    """Readers never wait for the writer; a power loss may take the last commits, which the log still has."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
