"""The shapes a screen draws, JSON-able as they are: exact amounts as decimal text, times in ns UTC, ratios as floats."""

import msgspec


class PositionLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one instrument and what it earned; amounts in its quote currency."""

    symbol: str
    quantity: str  # negative where short
    average_price: str  # of what is held, two decimals finer than a tick; "" where flat
    mark: str  # the mid it is valued at; "" where none was seen
    notional: str  # at the mark, negative where short
    unrealised: str
    realised: str  # before fees
    fees: str
    turnover: str
    target: str  # quantity the newest decision wants
    forecast: float  # expected return it saw


class OrderLine(msgspec.Struct, kw_only=True):
    """One order and its newest state."""

    order: int
    seq: int
    ts: int
    symbol: str
    side: str
    type: str
    state: str
    price: str
    quantity: str
    filled: str


class FillLine(msgspec.Struct, frozen=True, kw_only=True):
    """One fill."""

    order: int
    seq: int
    ts: int
    symbol: str
    side: str
    liquidity: str
    price: str
    quantity: str
    fee: str


class RefusalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order the gate did not let pass: what it measured and what it allows."""

    seq: int
    ts: int
    symbol: str
    side: str
    price: str
    quantity: str
    reason: str
    figure: float
    limit: float


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """The whole desk at one seq. Of orders, fills and refusals the newest stands first."""

    seq: int
    ts: int
    trading: str  # "running", or why it is not
    cash: str
    equity: str
    realised: str
    unrealised: str
    fees: str
    turnover: str
    drawdown: float  # from the highest equity so far, a fraction of it
    max_drawdown: float
    hit_rate: float  # of the fills that closed something, those that earned more than their fee; 0 before the first
    orders_sent: int
    orders_filled: int
    fills_seen: int
    refusals_seen: int
    refusals_by_reason: dict[str, int]
    positions: list[PositionLine]
    orders: list[OrderLine]
    fills: list[FillLine]
    refusals: list[RefusalLine]
    curve: list[tuple[int, str]]  # (ts, equity), bounded, extremes kept
