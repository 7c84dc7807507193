"""Status: what the running desk looks like at one instant, as plain data.

The desk fills one `Status` a few times a second; the terminal view draws it, `/status` sends it as JSON and `/metrics`
counts from it, so all three always agree. Numbers that were exact stay exact: prices, quantities and money are decimal
text as people read it, counts are integers, times and ages are nanoseconds. Only estimates are floats. Everything has a
default: a desk that has just started is a valid Status.
"""

import msgspec

from polaris.app.latency import StageLatency

NEVER = -1  # an age that has not begun: nothing came yet


class VenueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One connection to one venue, counted since the start."""

    name: str  # "coinbase"
    endpoint: str = ""  # "wss://advanced-trade-ws.coinbase.com"
    connected: bool = False
    age_ns: int = NEVER  # since its last frame
    frames: int = 0
    bytes: int = 0
    reconnects: int = 0
    bad_messages: int = 0
    unknown_fields: int = 0


class ForecastStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What one alpha expects of one instrument now."""

    alpha: str
    bps: float = 0.0  # expected return over its horizon, signed, in basis points
    confidence: float = 0.0  # 0 to 1
    horizon_ns: int = 0


class InstrumentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument: its book, what is measured, what is expected, what is held."""

    symbol: str  # "BTC-USD.coinbase"
    venue: str
    # the book
    state: str = "DISCONNECTED"  # domain.market.BOOK_STATE_NAMES
    age_ns: int = NEVER  # since its last update
    bid: str = ""
    ask: str = ""
    bid_levels: int = 0
    ask_levels: int = 0
    updates: int = 0
    gaps: int = 0
    resyncs: int = 0
    checksums_failed: int = 0
    # the opinion
    features: dict[str, float] = {}  # last value a column
    forecasts: tuple[ForecastStatus, ...] = ()
    forecast_bps: float = 0.0  # of the ensemble
    confidence: float = 0.0  # of the ensemble, 0 to 1
    # the holding
    position: str = "0"  # signed, base currency
    target: str = "0"  # signed, base currency
    notional: str = "0"  # of the position at the mid, signed
    average_price: str = ""  # what the position cost
    realised: str = "0"
    unrealised: str = "0"


class EnsembleStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the forecasts are blended, and how good the blend has been."""

    weights: dict[str, float] = {}  # alpha to weight
    brier: float = 0.0  # mean squared error of its probabilities; 0.25 is a coin
    outcomes: int = 0  # forecasts whose horizon has passed


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The books in money, each a decimal text of the account's currency."""

    currency: str = "USD"
    cash: str = "0"
    equity: str = "0"
    realised: str = "0"
    unrealised: str = "0"
    fees: str = "0"
    day_profit: str = "0"  # since midnight UTC, fees paid
    drawdown: float = 0.0  # fraction below the peak, 0 to 1
    max_drawdown: float = 0.0
    sharpe: float = 0.0  # annualised; 0 before there is enough to say
    turnover: str = "0"  # traded notional since the start
    equity_curve: tuple[float, ...] = ()  # samples, oldest first, for the sparkline: at most some 240


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One recent line of the blotter: an order sent, filled, cancelled, or refused and why."""

    ts: int  # ns UTC
    seq: int
    kind: str  # domain.orders.RECORD_NAMES
    symbol: str = ""
    order: int = 0
    side: str = ""  # buy | sell
    type: str = ""  # domain.orders.TYPE_NAMES
    price: str = ""
    quantity: str = ""
    reason: str = ""  # why it was refused, in words with the figures


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Counted since the start."""

    rows: int = 0
    boundaries: int = 0  # updates the pipeline saw
    forecasts: int = 0
    decisions: int = 0
    orders: int = 0
    fills: int = 0
    cancels: int = 0
    working: int = 0  # orders at the venue now
    in_doubt: int = 0  # of these, nobody knows their fate
    troubles: int = 0  # questions about orders that a venue did not answer
    mutes: int = 0  # user streams that were open and did not tell
    refusals: dict[str, int] = {}  # domain.orders.REFUSAL_NAMES to count


class LogStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The record: how far it has come and how far behind the disk is."""

    directory: str = ""
    seq: int = 0  # last given
    durable_seq: int = 0  # last on the disk
    lag_ns: int = 0  # age of the oldest event not yet on the disk
    bytes: int = 0
    segments: int = 0
    resumed_from: int = 0


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How good one instrument's feed was in the last whole second; counts are since the start."""

    symbol: str
    venue: str
    state: str  # domain.market.BOOK_STATE_NAMES
    messages: int = 0  # in that second
    gaps: int = 0
    resyncs: int = 0
    checksums_ok: int = 0
    checksums_failed: int = 0
    stale_ns: int = NEVER  # since the last message, at the end of that second
    offset_p50_ns: int = 0  # our clock when it came minus the venue's when it happened
    offset_p99_ns: int = 0
    crossed_ns: int = 0  # of that second


class OrderVenueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A venue that our orders go to: how it is heard, and what our account holds there."""

    name: str
    listening: bool = False  # its user stream tells of our orders; else they are asked for
    stream: str = ""  # what that stream last went through
    reconnects: int = 0
    missed: int = 0  # breaks of that stream, and messages that could not be read
    agrees: bool = False  # its balances are what the desk makes of its fills
    compared_age_ns: int = NEVER  # since they were compared
    balances: dict[str, str] = {}  # what the venue says, by asset
    differences: dict[str, str] = {}  # held minus expected, by asset, where it is more than dust
    held: str = ""  # why it gets no new order


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole desk at `now_ns`."""

    version: str = ""
    mode: str = "observe"  # observe | paper | live
    trading: str = "observe"  # domain.orders.TRADING_NAMES
    trading_reason: str = ""  # who paused it and why, or which limit halted it
    market: str = ""  # builtin | live | recording:FILE
    pid: int = 0
    started_ns: int = 0
    now_ns: int = 0
    venues: tuple[VenueStatus, ...] = ()
    orders_at: tuple[OrderVenueStatus, ...] = ()
    instruments: tuple[InstrumentStatus, ...] = ()
    feeds: tuple[FeedStatus, ...] = ()
    ensemble: EnsembleStatus = EnsembleStatus()
    account: AccountStatus = AccountStatus()
    latency: tuple[StageLatency, ...] = ()
    counts: Counts = Counts()
    recent: tuple[Happening, ...] = ()  # newest first, some 30
    log: LogStatus = LogStatus()
    state_digest: str = ""  # at the newest checkpoint
    decisions_digest: str = ""  # likewise


def to_json(status: Status) -> bytes:
    """The status as `/status` sends it."""
    return msgspec.json.encode(status)


def from_json(data: bytes) -> Status:
    """Read what `/status` sent; fields a newer desk adds are ignored."""
    return msgspec.json.decode(data, type=Status)
