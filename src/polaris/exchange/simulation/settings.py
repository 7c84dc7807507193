"""What market is simulated: its symbols, its venues, its people. Defaults are near what one-minute bars of 2026 show.

Amounts of risk are measured against a symbol's usual one-minute return, sizes against its usual order, so one set of people suits
every symbol.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from polaris.exchange.words import MAX_QUANTITY, TICKS

SECOND = 1_000_000_000
MOST_PLACES = 16


@dataclass(frozen=True)
class Symbol:
    """One thing that trades on every venue."""

    base: str
    price: str  # where it starts
    tick: str  # the price increment, in the quote currency
    lot: str  # the quantity increment, in the base currency
    usual: str  # a usual order, in the base currency
    volatility: float  # usual standard deviation of one minute's return, basis points
    tide: float  # correlation with what moves all symbols, 0 .. 1

    @property
    def step(self) -> Decimal:
        """One tick, exactly."""
        return Decimal(self.tick)

    @property
    def ticks(self) -> int:
        """The starting price in ticks."""
        return _steps(self.price, self.tick, f"the price of {self.base}")

    @property
    def lots(self) -> int:
        """The usual order in lots."""
        return _steps(self.usual, self.lot, f"the usual order of {self.base}")

    @property
    def lowest(self) -> int:
        """The lowest price of its books, ticks: they hold TICKS prices, around the start as far as can be."""
        return max(1, self.ticks - TICKS // 2)


@dataclass(frozen=True)
class Place:
    """One venue."""

    name: str
    quote: str = "USD"
    lag_ns: int = 0  # later than the first to know what a thing is worth
    tempo: float = 1.0  # how busy its crowd is


@dataclass(frozen=True)
class Moods:
    """How the fundamental price moves: a Markov-switching multifractal and jumps.

    Volatility is the usual one times the root of a product of levels, each either 1 + contrast or 1 - contrast and drawn anew
    after a random while. Few parameters, fat tails, and clusters at every time scale.
    Source: Calvet and Fisher (2004), How to Forecast Long-Run Volatility, Journal of Financial Econometrics 2(1).
    """

    contrast: float = 0.52
    shared_s: tuple[float, ...] = (40_000.0, 10_000.0, 2_700.0, 700.0, 180.0)  # mean lives of the levels all symbols share
    own_s: tuple[float, ...] = (6_000.0, 900.0, 120.0)  # and of a symbol's own
    jumps_a_day: float = 5.0  # that all symbols share, and as many of a symbol's own
    jump_minutes: float = 1.5  # the least and the mean excess of a jump, in usual one-minute deviations


@dataclass(frozen=True)
class People:
    """Who trades one symbol: counts are a venue's unless said otherwise."""

    wealth: float = 5000.0  # what each account brings of its symbol, usual orders, and as much in money
    crowd: int = 16  # accounts the noise traders use
    crowd_limits_a_s: float = 0.8  # of a side, before excitement
    crowd_markets_a_s: float = 0.15
    crowd_life_s: float = 70.0  # of a resting order
    makers: int = 4
    maker_every_s: float = 0.25
    maker_aversion: float = 0.018  # Avellaneda and Stoikov's gamma, a basis point and usual order
    maker_decay: float = 1.6  # their k, a basis point
    maker_horizon_s: float = 10.0  # their T - t, which rolls on
    maker_most: float = 40.0  # usual orders he likes to hold at most
    impact: float = 0.04  # what a usual order makes makers think, usual one-minute deviations
    insiders: int = 1
    insider_every_s: float = 2.0
    insider_error: float = 0.06  # of what they know, usual one-minute deviations
    followers: int = 2
    follower_every_s: float = 20.0
    follower_most: float = 15.0  # their position, usual orders
    parents: int = 4
    parent_idle_s: float = 50.0
    parent_slice_s: float = 2.2
    parent_least: float = 4.0  # usual orders
    parent_most: float = 1500.0
    parent_tail: float = 1.4  # Pareto exponent of their sizes: order signs then remember long
    arbitrageurs: int = 2  # of a symbol, over all venues
    arbitrage_latency_s: float = 0.5  # from what they see to where they trade
    arbitrage_cost_bps: float = 1.0  # what a difference must be above


@dataclass(frozen=True)
class Settings:
    """A whole market."""

    symbols: tuple[Symbol, ...] = (
        Symbol("BTC", "78000.00", "0.01", "0.00001", "0.05000", 5.8, 0.94),
        Symbol("ETH", "2400.00", "0.01", "0.0001", "1.2000", 7.4, 0.93),
        Symbol("SOL", "88.00", "0.01", "0.001", "25.000", 7.8, 0.88),
        Symbol("XRP", "1.4500", "0.0001", "0.1", "1500.0", 6.4, 0.83),
    )
    places: tuple[Place, ...] = (
        Place("binance", "USDT"),
        Place("coinbase", "USD", 80_000_000, 0.7),
        Place("kraken", "USD", 160_000_000, 0.5),
    )
    moods: Moods = Moods()
    people: People = People()
    beat_ns: int = 10_000_000  # what happened within a beat nobody sees before its end
    step_ns: int = 50_000_000  # of the fundamental price; a whole number of beats
    sample_ns: int = SECOND  # between two samples of what is shown; 0: none is kept
    first_account: int = 1

    def __post_init__(self) -> None:
        if not self.symbols or not self.places:
            raise ValueError(f"a market of {len(self.symbols)} symbols on {len(self.places)} venues; expected at least one of each")
        if len(self.places) > MOST_PLACES:
            raise ValueError(f"a market on {len(self.places)} venues; expected at most {MOST_PLACES}")
        if self.beat_ns <= 0 or self.step_ns <= 0 or self.step_ns % self.beat_ns or self.sample_ns < 0 or self.sample_ns % self.beat_ns:
            raise ValueError(f"beats of {self.beat_ns} ns, steps of {self.step_ns}, samples of {self.sample_ns}; expected whole beats")
        if self.first_account < 1:
            raise ValueError(f"the first account is {self.first_account}; expected 1 or more: 0 is nobody's")
        for symbol in self.symbols:
            if not 0 < symbol.lots <= MAX_QUANTITY >> 16:
                raise ValueError(f"a usual order of {symbol.base} is {symbol.lots} lots; expected 1 .. {MAX_QUANTITY >> 16}")
            if not 0 < symbol.volatility <= 1000 or not 0 <= symbol.tide <= 1:
                raise ValueError(f"{symbol.base} moves {symbol.volatility} bp a minute, {symbol.tide} of it with all; expected (0, 1000] and [0, 1]")
        for place in self.places:
            if not 0 <= place.lag_ns <= 200 * self.step_ns or not 0 < place.tempo <= 20:
                raise ValueError(f"{place.name} lags {place.lag_ns} ns at tempo {place.tempo}; expected at most {200 * self.step_ns} ns and (0, 20]")
        if not 0 <= self.moods.contrast < 1:
            raise ValueError(f"the contrast of moods is {self.moods.contrast}; expected [0, 1)")

    @property
    def lowest(self) -> list[int]:
        """Of each book of a venue the lowest price, ticks: what an engine is made with."""
        return [symbol.lowest for symbol in self.symbols]

    @property
    def accounts_a_symbol(self) -> int:
        """How many accounts the people of one symbol have; the same on every venue."""
        people = self.people
        return people.crowd + people.makers + people.insiders + people.followers + people.parents + people.arbitrageurs

    @property
    def accounts(self) -> range:
        """The accounts that trade."""
        return range(self.first_account, self.first_account + len(self.symbols) * self.accounts_a_symbol)


def _steps(text: str, step: str, what: str) -> int:
    """How many steps a text is. Raises ValueError where it is no whole number of them."""
    try:
        steps = Decimal(text) / Decimal(step)
    except (InvalidOperation, ZeroDivisionError) as cause:
        raise ValueError(f"{what} is {text!r} in steps of {step!r}; expected numbers above 0") from cause
    if steps <= 0 or steps != int(steps):
        raise ValueError(f"{what} is {text!r}; expected a multiple of {step!r} above 0")
    return int(steps)
