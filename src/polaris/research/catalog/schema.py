"""What the catalog's tables hold, and how rows become columns and columns rows again.

    trades   one TRADE row each: who took, at what price, how much
    quotes   a top of book each: as the venue told it, or as our book came to stand (`source`)
    deltas   one DEPTH row each: levels as they changed, snapshots and clears marked; enough to build the book at any time
    status   what became of the book: LIVE, SYNCING, STALE ... and why; a gap in the data is a row here
    bars     minutes made of trades; a minute whose book was not LIVE all through says so

Exact integers stand beside ready numbers: `ticks` and `lots` are what was traded, in units of 10**-price_decimals and
10**-quantity_decimals (in the file's metadata), `price` and `quantity` the nearest doubles. `place` is a row's place in
its recording: sorted by it, the tables of one recording are its rows again, bit for bit.
"""

import json
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polaris.domain.errors import BadData
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.market import ASK, BOOK_STATE_NAMES, DEPTH, QUOTE, REASON_NAMES, ROW, STATUS, TRADE, Rows

VERSION: Final = 1
KINDS: Final = ("trades", "quotes", "deltas", "status", "bars")
KIND_OF_ROW: Final = {TRADE: "trades", QUOTE: "quotes", DEPTH: "deltas", STATUS: "status"}
VENUE, BOOK = "venue", "book"  # sources of a quote

_TIME: Final = pa.timestamp("ns", "UTC")
_COMMON: Final = [pa.field("place", pa.int64()), pa.field("ts_event", _TIME), pa.field("ts_recv", _TIME)]
_SIDE: Final = pa.dictionary(pa.int8(), pa.string())
SCHEMAS: Final = {
    "trades": pa.schema([
        *_COMMON, pa.field("taker", _SIDE), pa.field("price", pa.float64()), pa.field("quantity", pa.float64()), pa.field("ticks", pa.int64()),
        pa.field("lots", pa.int64()), pa.field("trade_id", pa.int64()), pa.field("flags", pa.int16()), pa.field("more", pa.int64()),
    ]),
    "quotes": pa.schema([
        *_COMMON, pa.field("bid", pa.float64()), pa.field("bid_quantity", pa.float64()), pa.field("ask", pa.float64()), pa.field("ask_quantity", pa.float64()),
        pa.field("bid_ticks", pa.int64()), pa.field("bid_lots", pa.int64()), pa.field("ask_ticks", pa.int64()), pa.field("ask_lots", pa.int64()),
        pa.field("source", _SIDE), pa.field("flags", pa.int16()),
    ]),
    "deltas": pa.schema([
        *_COMMON, pa.field("side", _SIDE), pa.field("price", pa.float64()), pa.field("quantity", pa.float64()), pa.field("ticks", pa.int64()),
        pa.field("lots", pa.int64()), pa.field("update_id", pa.int64()), pa.field("flags", pa.int16()), pa.field("more", pa.int64()),
    ]),
    "status": pa.schema([
        *_COMMON, pa.field("state", _SIDE), pa.field("reason", _SIDE), pa.field("state_code", pa.int64()), pa.field("reason_code", pa.int64()),
        pa.field("other", pa.int64()), pa.field("flags", pa.int16()), pa.field("more", pa.int64()),
    ]),
    "bars": pa.schema([
        pa.field("ts", _TIME), pa.field("open", pa.float64()), pa.field("high", pa.float64()), pa.field("low", pa.float64()), pa.field("close", pa.float64()),
        pa.field("volume", pa.float64()), pa.field("vwap", pa.float64()), pa.field("trades", pa.int64()), pa.field("complete", pa.bool_()),
    ]),
}  # fmt: skip


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a file's metadata says of it.

    schema    VERSION of whoever wrote it
    source    SHA-256 of the recording its rows came from
    """

    schema: int
    kind: str
    source: str
    venue: str
    product: str
    base: str
    quote: str
    wire: str
    price_decimals: int
    quantity_decimals: int
    text_decimals: tuple[int, int]
    price_increment: int = 1
    quantity_increment: int = 1
    min_quantity: int = 1
    min_notional: int = 0

    @classmethod
    def of(cls, kind: str, source: str, item: Instrument) -> "About":
        """Of a table of one instrument's rows."""
        key = item.key
        return cls(
            schema=VERSION, kind=kind, source=source, venue=key.venue, product=key.product.value, base=key.base, quote=key.quote, wire=item.wire,
            price_decimals=item.price_decimals, quantity_decimals=item.quantity_decimals, text_decimals=item.text_decimals,
            price_increment=item.price_increment, quantity_increment=item.quantity_increment, min_quantity=item.min_quantity, min_notional=item.min_notional,
        )  # fmt: skip

    @property
    def symbol(self) -> str:
        """Our name for it without the venue: "BTC-USD", "BTC-USDT-perpetual"."""
        return symbol_of(Key(self.venue, Product(self.product), self.base, self.quote))

    def instrument(self, number: int) -> Instrument:
        """The instrument, under a number of the caller's."""
        return Instrument(
            id=InstrumentId(number), key=Key(self.venue, Product(self.product), self.base, self.quote), wire=self.wire, price_decimals=self.price_decimals,
            quantity_decimals=self.quantity_decimals, price_increment=self.price_increment, quantity_increment=self.quantity_increment,
            min_quantity=self.min_quantity, min_notional=self.min_notional, text_decimals=self.text_decimals,
        )  # fmt: skip

    def metadata(self) -> dict[bytes, bytes]:
        """As Parquet keeps it."""
        return {b"polaris": msgspec.json.encode(self)}


def symbol_of(key: Key) -> str:
    """A key without its venue."""
    return str(key).rpartition(".")[0]


def read_about(metadata: Any, where: object) -> About:
    """What a file says of itself. Raises BadData where it is not one of ours or of a newer version."""
    raw = (metadata or {}).get(b"polaris")
    if raw is None:
        raise BadData(f"{where}: no file of a catalog (its metadata has no 'polaris')")
    try:
        version = json.loads(raw)["schema"]
        if version > VERSION:
            raise BadData(f"{where}: written with schema {version}, this version reads up to {VERSION}; use a newer Polaris")
        return msgspec.json.decode(raw, type=About)
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as cause:
        raise BadData(f"{where}: its metadata can't be read: {cause}") from cause


def table_of(kind: str, rows: Rows, places: npt.NDArray[np.int64], item: Instrument, source: str = VENUE) -> pa.Table:
    """Rows of one kind of one instrument as a table of that kind.

    places  int64[n], where each stands in its recording; -1 for a quote that our book made
    source  of quotes
    """
    price, lot = 10.0**item.price_decimals, 10.0**item.quantity_decimals
    columns: dict[str, Any] = {"place": places, "ts_event": _times(rows["ts_event"]), "ts_recv": _times(rows["ts_recv"])}
    ticks, lots = rows["price"], rows["quantity"]
    if kind == "quotes":
        columns |= {
            "bid": ticks / price, "bid_quantity": lots / lot, "ask": rows["other"] / price, "ask_quantity": rows["other_quantity"] / lot, "bid_ticks": ticks,
            "bid_lots": lots, "ask_ticks": rows["other"], "ask_lots": rows["other_quantity"], "source": _words(np.full(len(rows), source == BOOK), (VENUE, BOOK)),
        }  # fmt: skip
    elif kind == "status":
        columns |= {
            "state": _words(ticks, BOOK_STATE_NAMES), "reason": _words(lots, REASON_NAMES), "state_code": ticks, "reason_code": lots, "other": rows["other"],
            "more": rows["other_quantity"],
        }  # fmt: skip
    else:
        ask = (rows["flags"] & ASK) != 0
        side = {"taker": _words(ask, ("buy", "sell"))} if kind == "trades" else {"side": _words(ask, ("bid", "ask"))}
        number = "trade_id" if kind == "trades" else "update_id"
        columns |= side | {"price": ticks / price, "quantity": lots / lot, "ticks": ticks, "lots": lots, number: rows["other"], "more": rows["other_quantity"]}
    columns["flags"] = rows["flags"]
    schema = SCHEMAS[kind]
    arrays = [columns[field.name] if isinstance(columns[field.name], pa.Array) else pa.array(np.ascontiguousarray(columns[field.name]), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def rows_of(kind: str, table: pa.Table, instrument: int) -> tuple[Rows, npt.NDArray[np.int64]]:
    """(rows, their places) of a table; what `table_of` made of them. Quotes that our book made are left out."""
    if kind == "quotes":
        table = table.filter(pa.compute.equal(table["source"].cast(pa.string()), VENUE))
    words = {
        "trades": ("ticks", "lots", "trade_id", "more"),
        "quotes": ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots"),
        "deltas": ("ticks", "lots", "update_id", "more"),
        "status": ("state_code", "reason_code", "other", "more"),
    }[kind]
    rows: Rows = np.zeros(len(table), ROW)
    rows["kind"] = {name: number for number, name in KIND_OF_ROW.items()}[kind]
    rows["instrument"] = instrument
    for field, column in zip(("ts_event", "ts_recv", "flags", "price", "quantity", "other", "other_quantity"), ("ts_event", "ts_recv", "flags", *words), strict=True):
        values = table[column]
        rows[field] = (values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values).to_numpy()
    return rows, table["place"].to_numpy()


def _times(ts: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.ascontiguousarray(ts), pa.int64()).cast(_TIME)


def _words(codes: npt.NDArray[Any], names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.ascontiguousarray(codes).astype(np.int8)), pa.array(names))
