"""What a person may set of an exchange, and the rules that follow."""

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from polaris.domain.errors import BadConfig, PolarisError

if TYPE_CHECKING:
    from polaris.exchange.listing import Rules

DECIMALS: Final = 8  # of every asset
MILLION: Final = 1_000_000


class ExchangeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange of one's own: `polaris exchange`."""

    name: str = "polaris"  # of its folder below the data folder: its journal, its keys
    durability: Literal["disk", "memory"] = "disk"  # an order is answered when it is on the disk, or at once
    snapshot_ns: int = 300_000_000_000  # how often the whole state is kept, so that a start has less to replay; 0 only at a stop
    binance_port: int = 9010  # loopback port of the Binance dialect; 0 lets the system choose
    coinbase_port: int = 9011  # of the Coinbase dialect
    fix_port: int = 9012  # of FIX 4.4
    metrics_port: int = 0  # of /metrics, /status and /healthz, for its operator; fix it where Prometheus is to find it
    # what is traded, each: symbol, base, quote, tick size, lot size, least notional, lowest price (a book is 4,194,304 ticks wide)
    listings: tuple[tuple[str, ...], ...] = (
        ("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "5", "60000"),
        ("ETHUSDT", "ETH", "USDT", "0.01", "0.0001", "5", "0.01"),
        ("SOLUSDT", "SOL", "USDT", "0.01", "0.001", "5", "0.01"),
        ("XRPUSDT", "XRP", "USDT", "0.0001", "0.1", "5", "0.0001"),
    )
    fees: tuple[tuple[float, float], ...] = ((0.001, 0.001), (0.0002, 0.0004), (0.0, 0.0))  # tiers of [maker, taker], fractions of what is received; accounts begin in the first
    accounts: int = 1024  # how many there may be, the house with them
    capacity: int = 1 << 18  # orders alive at once
    orders_per_ten_seconds: int = 100  # an account may place
    orders_per_day: int = 200_000  # likewise, from midnight UTC
    weight_per_minute: int = 6_000  # what requests of one address may cost, as Binance counts
    seed: int = 7  # of the traders of `--simulate`: the same seed, the same market

    def __post_init__(self) -> None:
        if not self.name or not all(part.isalnum() for part in self.name.replace("-", "_").split("_")):
            raise BadConfig(f"name is {self.name!r}; expected letters, digits, - and _")
        for port in (self.binance_port, self.coinbase_port, self.fix_port, self.metrics_port):
            if not 0 <= port <= 65535:
                raise BadConfig(f"port is {port}; expected 0 to 65535")
        for parts in self.listings:
            if len(parts) != 7:
                raise BadConfig(f"a listing is {list(parts)}; expected [symbol, base, quote, tick size, lot size, least notional, lowest price]")

    def rules(self) -> "Rules":
        """What the exchange is made of. Raises BadConfig where a listing or a fee can't be."""
        from polaris.exchange.listing import Asset, Listing, Rules

        assets: dict[str, Asset] = {}
        listings = []
        for symbol, base, quote, tick, lot, least, lowest in self.listings:
            for name in (base, quote):
                assets.setdefault(name, Asset(name, DECIMALS))
            try:
                listings.append(Listing(symbol, assets[base], assets[quote], tick, lot, min_notional=least, lowest_price=lowest))
            except (ValueError, PolarisError) as cause:
                raise BadConfig(f"listing {symbol}: {cause}") from cause
        tiers = tuple((round(maker * MILLION), round(taker * MILLION)) for maker, taker in self.fees)
        if not listings or not tiers or not all(0 <= ppm < MILLION for tier in tiers for ppm in tier):
            raise BadConfig(f"{len(listings)} listings and fees {self.fees}; expected at least one of each, and fees from 0 to below 1")
        return Rules(tuple(assets.values()), tuple(listings), tiers=tiers, accounts=self.accounts, capacity=self.capacity)
