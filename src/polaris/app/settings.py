"""Settings: everything a person may choose, as one frozen tree with units and defaults.

A value comes from the command line, else the environment (`POLARIS_RISK__MAX_DAILY_LOSS=250`), else the file
(`polaris.toml`), else the default below. The comment beside a field is its documentation everywhere: in the example file,
in `polaris config show` and here. Sections of the core are the core's own structs: a setting is declared once.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from polaris.app.configuration import (
    DEFAULT,
    Layer,
    Loaded,
    build,
    documentation,
    environment_layer,
    expected,
    fields_of,
    file_layer,
    toml_value,
)
from polaris.app.exchange.settings import ExchangeSettings
from polaris.app.secret import SecretReference
from polaris.desk.alpha import AlphaSettings
from polaris.desk.bank import BankSettings
from polaris.desk.ensemble import EnsembleSettings
from polaris.desk.features import FeatureSettings
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.domain.errors import BadConfig
from polaris.log.write import LogSettings
from polaris.venues import registry

FILE_NAME = "polaris.toml"
FILE_VARIABLE = "POLARIS_CONFIG"


class DataSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the desk keeps its files."""

    dir: str = "data"  # folder of the log, the database and the reports; relative to where the desk is started


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where market data comes from."""

    source: str = "builtin"  # "builtin" (an exchange on this machine with simulated traders), "live" (public feeds), or "recording:FILE"
    seed: int = 7  # of the built-in market's traders: who they are and what news they hear; what prices they make of it depends on who trades with them
    speed: float = 1.0  # of a recording, times real time, 0 for as fast as the desk keeps up; of the built-in market how much faster than the clock its traders live, at most 20
    busy_poll: bool = False  # ask the sockets without pause instead of sleeping until one has something: with a processor to spare orders leave sooner, without one far later

    def __post_init__(self) -> None:
        if self.source not in ("builtin", "live") and not (self.source.startswith("recording:") and len(self.source) > len("recording:")):
            raise BadConfig(f"source is {self.source!r}; expected 'builtin', 'live' or 'recording:FILE'")
        if self.speed < 0:
            raise BadConfig(f"speed is {self.speed}; expected 0 or more")

    @property
    def recording(self) -> Path | None:
        """The capture file to play; None where the market is another."""
        kind, _, name = self.source.partition(":")
        return Path(name).expanduser() if kind == "recording" else None


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One venue: what is heard from it, where it is, and which keys it knows us by."""

    enabled: bool = False  # whether the desk listens to it
    symbols: tuple[str, ...] = ()  # as the venue writes them
    ws_url: str = ""  # market data socket: scheme, host and port; empty is the venue's own
    rest_url: str = ""  # symbols and snapshots: likewise
    api_key: SecretReference = SecretReference()  # "env:NAME", "file:/path", "vault:...", "aws:..."; public data and paper trading need none
    api_secret: SecretReference = SecretReference()  # likewise
    api_passphrase: SecretReference = SecretReference()  # likewise, where the venue gives one (KuCoin, Coinbase Exchange)


class VenuesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The venues the desk may listen to."""

    coinbase: VenueSettings = VenueSettings(enabled=True, symbols=("BTC-USD", "ETH-USD"))
    binance: VenueSettings = VenueSettings(enabled=True, symbols=("BTCUSDT", "ETHUSDT"))
    binance_us: VenueSettings = VenueSettings(symbols=("BTCUSD",))
    binance_usdm: VenueSettings = VenueSettings(symbols=("BTCUSDT",))
    binance_coinm: VenueSettings = VenueSettings(symbols=("BTCUSD_PERP",))
    kraken: VenueSettings = VenueSettings(symbols=("BTC/USD",))
    kucoin: VenueSettings = VenueSettings(symbols=("BTC-USDT",))
    gemini: VenueSettings = VenueSettings(symbols=("BTCUSD",))
    bitstamp: VenueSettings = VenueSettings(symbols=("btcusd",))
    coinbase_exchange: VenueSettings = VenueSettings(symbols=("BTC-USD",))
    alpaca: VenueSettings = VenueSettings(symbols=("SPY",))

    def enabled(self) -> dict[str, VenueSettings]:
        """The venues in use, by the name the house has for them, with their addresses."""
        found = {}
        for field, venue in msgspec.structs.asdict(self).items():
            if venue.enabled:
                name = field.replace("_", "-")
                public = registry.venue(name).public
                found[name] = msgspec.structs.replace(venue, ws_url=venue.ws_url or public.ws_url, rest_url=venue.rest_url or public.rest_url)
        return found


class AccountsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that leave the house, and the accounts they move."""

    check_ns: int = 5_000_000_000  # how often a venue is asked how working orders stand, while its own stream tells of them
    balances_ns: int = 10_000_000_000  # how often what an account holds is compared with the desk's books
    dust: float = 0.01  # dollars: a smaller difference is none

    def __post_init__(self) -> None:
        if self.check_ns <= 0 or self.balances_ns <= 0 or self.dust < 0:
            raise BadConfig(f"check_ns {self.check_ns}, balances_ns {self.balances_ns}, dust {self.dust}; expected durations above 0 and no negative dust")


class StrategySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides what is wanted."""

    name: str = "pipeline"  # features, alphas and ensemble; "crossover"; or "module:Name" of your own, see docs/backtest.md
    params: dict[str, Any] = {}  # keyword arguments of a strategy of your own
    folder: str = "."  # where its module is looked for before installed packages


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What people query: orders, fills, runs."""

    url: str = ""  # SQLAlchemy URL; empty is SQLite in the data folder


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the desk answers /status, /metrics and /healthz."""

    host: str = "127.0.0.1"  # loopback only: nothing here asks who is calling
    port: int = 9464  # 0 lets the system choose a free one

    def __post_init__(self) -> None:
        if self.host not in ("127.0.0.1", "localhost", "::1"):
            raise BadConfig(f"host is {self.host!r}; expected a loopback address such as '127.0.0.1': put a proxy with a login in front to reach it from elsewhere")
        if not 0 <= self.port <= 65535:
            raise BadConfig(f"port is {self.port}; expected 0 to 65535")


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Log lines for people; the event log is the record."""

    format: Literal["auto", "console", "json"] = "auto"  # auto: console on a terminal, else json
    level: Literal["debug", "info", "warning", "error"] = "info"  # quieter lines are not written


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole desk."""

    mode: Literal["observe", "paper", "live"] = "paper"  # observe sends no orders; paper simulates fills; live is refused by this version
    equity: float = 100_000.0  # dollars the paper account starts with
    entry_points: bool = True  # take in the features and alphas that installed packages register
    data: DataSettings = DataSettings()
    market: MarketSettings = MarketSettings()
    venues: VenuesSettings = VenuesSettings()
    features: FeatureSettings = FeatureSettings()
    alphas: AlphaSettings = AlphaSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    sizing: SizingSettings = SizingSettings()
    risk: RiskSettings = RiskSettings()
    execution: ExecutionSettings = ExecutionSettings()
    accounts: AccountsSettings = AccountsSettings()
    log: LogSettings = LogSettings()
    strategy: StrategySettings = StrategySettings()
    store: StoreSettings = StoreSettings()
    server: ServerSettings = ServerSettings()
    exchange: ExchangeSettings = ExchangeSettings()
    logging: LoggingSettings = LoggingSettings()

    def __post_init__(self) -> None:
        if self.equity <= 0:
            raise BadConfig(f"equity is {self.equity}; expected a positive number of dollars")

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data.dir).expanduser().resolve()

    @property
    def store_url(self) -> str:
        """Where the store is, with the default filled in."""
        return self.store.url or f"sqlite:///{self.data_dir / 'polaris.db'}"

    def bank(self) -> BankSettings:
        """What the core measures, forecasts and blends with."""
        return BankSettings(features=self.features, alphas=self.alphas, ensemble=self.ensemble, entry_points=self.entry_points)

    def desk(self) -> DeskSettings:
        """What the core wants and may do."""
        return DeskSettings(
            mode=self.mode,
            equity=self.equity,
            sizing=self.sizing,
            risk=self.risk,
            execution=self.execution,
        )


def load(config: Path | None = None, *, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> Loaded[Settings]:
    """The settings in force, and where each came from.

    config   the file; None is $POLARIS_CONFIG, else polaris.toml here where it exists
    environ  None is the process's environment
    flags    dotted key to value, from the command line: {"market.source": "live"}; None values are left out
    raises   BadConfig naming the key, what was found, what would be right, and where it was set
    """
    environ = os.environ if environ is None else environ
    layers = []
    if path := config_file(config, environ):
        layers.append(file_layer(path))
    layers.append(environment_layer(Settings, environ))
    layers.append(_flag_layer(flags or {}))
    return build(Settings, layers)


def config_file(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Which file is read, if any. Raises BadConfig where a named one is absent."""
    named = config or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    if named is None:
        here = Path(FILE_NAME)
        return here if here.is_file() else None
    if not named.is_file():
        given = "--config" if config else f"${FILE_VARIABLE}"
        raise BadConfig(f"there is no settings file {named} ({given}); copy polaris.example.toml, or leave it out to use the defaults")
    return named


def at_the_start(loaded: Loaded[Settings]) -> Settings:
    """What a desk that starts goes by: on the built-in market its orders go to that exchange, unless fills are set otherwise."""
    settings = loaded.settings
    if settings.market.source != "builtin" or loaded.origins.get(("execution", "fill_model"), DEFAULT) != DEFAULT:
        return settings
    return msgspec.structs.replace(settings, execution=msgspec.structs.replace(settings.execution, fill_model="venue"))


def refuse_live(settings: Settings) -> None:
    """Raise BadConfig where real orders are asked for, naming what is missing; nothing here can send one yet."""
    if settings.mode != "live":
        if settings.execution.fill_model == "venue" and settings.market.source != "builtin":
            raise BadConfig(
                f"execution.fill_model 'venue' sends orders, and market.source is {settings.market.source!r}: only the built-in market takes them. "
                "Use 'queue': fills are simulated on the prices heard"
            )
        return
    missing = [
        f"venues.{name}.{key}"
        for name, venue in settings.venues.enabled().items()
        for key, secret in (("api_key", venue.api_key), ("api_secret", venue.api_secret))
        if not secret
    ]
    raise BadConfig(
        "mode 'live' sends real orders and is refused: this version has no order entry to a real venue, no pre-flight check and no admin's switch"
        + (f"; keys are missing too ({', '.join(missing)})" if missing else "")
        + ". Use mode 'paper': live prices, simulated fills (polaris start --market live)"
    )


def _flag_layer(flags: Mapping[str, Any]) -> Layer:
    layer = Layer({}, "command line")
    for key, value in flags.items():
        if value is None:
            continue
        *sections, name = key.split(".")
        place = layer.values
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return layer


def example() -> str:
    """The example file: every key with its meaning, unit and default. `polaris config example` prints it."""
    lines = [
        "# Polaris settings. Copy to polaris.toml and keep only what you change: every value here is the default.",
        "#",
        "# A value comes from the command line, else the environment (POLARIS_SECTION__KEY=value), else this file, else the",
        '# default. Durations take a number and a unit ("250 ms", "10 s", "5 min", "1 h") or whole nanoseconds. Secrets are',
        '# references, "env:NAME" or "file:/path" (readable by its owner only), never the secret itself.',
        "",
    ]
    lines += _example_section(Settings(), ())
    return "\n".join(lines).rstrip() + "\n"


def _example_section(section: msgspec.Struct, path: tuple[str, ...]) -> list[str]:
    meanings = documentation(type(section))
    keys: list[str] = []
    below: list[str] = []
    for name, kind in fields_of(type(section)):
        value = getattr(section, name)
        if isinstance(value, msgspec.Struct) and not isinstance(value, SecretReference):
            below += _example_section(value, (*path, name))
            continue
        choices = expected(kind, name) if "one of" in expected(kind, name) else ""
        comment = "; ".join(part for part in (meanings.get(name, ""), choices.replace("'", '"')) if part)
        line = f"{name} = {toml_value(value, name)}"
        keys.append(f"{line:<44}  # {comment}" if comment else line)
    if not keys:
        return below
    if not path:
        return [*keys, "", *below]
    title = (type(section).__doc__ or "").splitlines()[0]
    return [f"# {title}", f"[{'.'.join(path)}]", *keys, "", *below]


__all__ = ["DEFAULT", "FILE_NAME", "Settings", "at_the_start", "config_file", "example", "load", "refuse_live"]
