"""A log in which orders live every kind of life, as a desk would write it."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from polaris.domain.control import Note, Started, Stopped
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import ROW
from polaris.domain.orders import (
    ACCEPTED,
    BUY,
    CANCEL,
    CANCELED,
    CANCELLED,
    CANCELLING,
    EQUITY,
    FILL,
    FILLED,
    IOC,
    LIMIT,
    MAKER,
    OPEN,
    PARTIAL,
    PENDING,
    PRICE_BAND,
    RECORD,
    REFUSED,
    SELL,
    SUBMIT,
    TAKER,
    TARGET,
    Records,
)  # fmt: skip
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

INSTRUMENTS = Instruments(
    [
        Instrument(id=InstrumentId(0), key=Key("coinbase", Product.SPOT, "BTC", "USD"), wire="BTC-USD", price_decimals=2, quantity_decimals=8),
        Instrument(id=InstrumentId(1), key=Key("binance", Product.SPOT, "ETH", "USDT"), wire="ETHUSDT", price_decimals=2, quantity_decimals=4),
    ]
)


def started(ts: int) -> Started:
    return Started(version="1", mode="paper", kernels="k", settings={}, instruments=[msgspec.to_builtins(item) for item in INSTRUMENTS], ts=ts)


def record(**fields: float) -> Records:
    """One record; the fields that are not named are 0."""
    one = np.zeros(1, RECORD)
    for name, value in fields.items():
        one[name] = value
    return one


def life_of(order: int, seq: int) -> Records:
    """All records of one order, spread over the seqs from `seq` on: filled in two parts, cancelled, or refused at the gate."""
    instrument, side = order % 2, BUY if order % 3 else SELL
    common = {"ts": seq * 10, "instrument": instrument, "order": order, "side": side, "type": LIMIT, "price": 6_543_210 + order, "lots": 150_000_000}
    submit = record(**common, seq=seq, kind=SUBMIT, state=PENDING, forecast=1.5e-4)
    accept = record(**common, seq=seq + 1, kind=ACCEPTED, state=OPEN)
    part = record(**common | {"lots": 50_000_000}, seq=seq + 1, kind=FILL, state=PARTIAL, filled=50_000_000, liquidity=MAKER, money=-12_345, cash=10**15, position=-50_000_000)
    match order % 3:
        case 0:
            rest = record(**common | {"lots": 100_000_000}, seq=seq + 2, kind=FILL, state=FILLED, filled=150_000_000, liquidity=TAKER, money=98_765, cash=10**14)
            return np.concatenate([record(seq=seq, kind=TARGET), submit, accept, part, rest])
        case 1:
            asked = record(**common, seq=seq + 2, kind=CANCEL, state=CANCELLING, filled=50_000_000)
            gone = record(**common, seq=seq + 2, kind=CANCELED, state=CANCELLED, filled=50_000_000)
            return np.concatenate([submit, accept, part, asked, gone])
        case _:
            refused = record(**common | {"order": 0, "type": IOC}, seq=seq, kind=REFUSED, reason=PRICE_BAND, figure=0.031, limit=0.02)
            sample = record(seq=seq + 2, ts=seq * 10, kind=EQUITY, instrument=-1, money=10**12 + order, cash=-5, figure=12.5, limit=0.01)
            return np.concatenate([refused, sample])


def write_log(directory: Path, orders: int, first_order: int = 1, *, stop: bool = True) -> None:
    """A run of so many orders (or another run, if the log is there already)."""
    with LogWriter(directory, LogSettings(segment_bytes=64 * 1024, sync=Sync.NEVER)) as writer:
        sequencer = Sequencer(writer)
        sequencer.tell(started(ts=writer.next_seq))
        for order in range(first_order, first_order + orders):
            seq = int(sequencer.stamp(np.zeros(3, ROW))["seq"][0])
            writer.append_records(life_of(order, seq))
            if order % 50 == 0:
                sequencer.tell(Note(text="fifty more", ts=0))
        if stop:
            sequencer.tell(Stopped(ts=writer.next_seq, reason="done", state_digest="s", decisions_digest="d"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """300 orders in two runs; the second did not end cleanly."""
    directory = tmp_path / "log"
    write_log(directory, 200)
    write_log(directory, 100, 201, stop=False)
    return directory
