"""The tables. Every price, quantity and amount stands twice: as the exact integer the core counts in, and as decimal text.

Integers sort and sum exactly in any database; the text is what people read and what leaves the house as JSON. Money
is in units of 1e-8 of the account's currency, time in nanoseconds UTC. A row's place in the log is (seq, ordinal): the
row that led to it, and the how-manieth record of that row it was.

Any change here, or in what `projection` writes, needs a new SCHEMA_VERSION.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, Table, Text

SCHEMA_VERSION: Final = 1

metadata = MetaData()


def _place() -> list[Column[Any]]:
    return [
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("ordinal", Integer, primary_key=True, autoincrement=False),
        Column("ts", BigInteger, nullable=False),
    ]


def _exact(name: str, unit: str) -> list[Column[Any]]:
    return [Column(f"{name}_{unit}", BigInteger, nullable=False), Column(name, Text, nullable=False)]


runs = Table(
    "runs",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # of its Started event
    Column("ts", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("kernels", Text, nullable=False),
    Column("stopped_seq", BigInteger),  # of its Stopped event; null while it runs, or where it never ended cleanly
    Column("stopped_ts", BigInteger),
    Column("stop_reason", Text),
    Column("state_digest", Text),
    Column("decisions_digest", Text),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),  # of its submit
    Column("ordinal", Integer, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),  # buy | sell
    Column("type", Text, nullable=False),  # domain.orders.TYPE_NAMES
    Column("state", Text, nullable=False),  # domain.orders.STATE_NAMES, the newest
    Column("updated_ts", BigInteger, nullable=False),
    *_exact("price", "ticks"),
    *_exact("quantity", "lots"),
    *_exact("filled", "lots"),
    Column("forecast", Double),
    Index("orders_by_time", "ts", "order_id"),
)

fills = Table(
    "fills",
    metadata,
    *_place(),
    Column("order_id", BigInteger, nullable=False, index=True),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("liquidity", Text, nullable=False),  # taker | maker
    *_exact("price", "ticks"),
    *_exact("quantity", "lots"),
    *_exact("fee", "units"),
    *_exact("cash", "units"),  # after
    *_exact("position", "lots"),  # after
    Index("fills_by_time", "ts", "seq", "ordinal"),
)

refusals = Table(
    "refusals",
    metadata,
    *_place(),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("type", Text, nullable=False),
    *_exact("price", "ticks"),
    *_exact("quantity", "lots"),
    Column("reason", Text, nullable=False),  # domain.orders.REFUSAL_NAMES
    Column("figure", Double),  # what was measured; any float is null where it was no finite number
    Column("limit", Double),  # what is allowed
    Index("refusals_by_time", "ts", "seq", "ordinal"),
)

equity = Table(
    "equity",
    metadata,
    *_place(),
    *_exact("equity", "units"),
    *_exact("cash", "units"),
    Column("realised", Double),
    Column("drawdown", Double),
    Index("equity_by_time", "ts", "seq", "ordinal"),
)

projection = Table(
    "projection",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row, 1
    Column("schema_version", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),  # everything up to here is in the tables
)
