"""A configuration in, a summary, Parquet and a page out: the examples, the recorded bars, a desk's own log."""

import importlib.util
import shutil
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.desk.strategy import Strategy
from polaris.domain.control import Started
from polaris.domain.errors import BadConfig, BadData
from polaris.domain.market import BAR
from polaris.domain.orders import EQUITY, FILL, MARKET
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogWriter
from polaris.research import backtest
from polaris.research.backtest import BacktestConfig, read_config, run
from polaris.research.data import Source, load, load_log
from polaris.research.page import write_page

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MAKE_DATA = importlib.util.spec_from_file_location("make_data", EXAMPLES / "make_data.py")
EASY = DeskSettings(
    sizing=SizingSettings(mode="direct"),
    risk=RiskSettings(max_position_notional=1e6, max_total_notional=1e6, max_order_notional=1e6, max_drawdown=1.0, max_daily_loss=1e6, max_data_age_ns=10**12),
    execution=ExecutionSettings(order_type="market", fill_model="touch", latency_ns=0, taker_fee=0.001),
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """The examples beside their data, as a clone has them after make_data."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(EXAMPLES, root / "examples")
    module = importlib.util.module_from_spec(MAKE_DATA)
    MAKE_DATA.loader.exec_module(module)
    folder = root / "data" / "examples"
    folder.mkdir(parents=True)
    module.bars(10_000).write_parquet(folder / "bars.parquet")
    return root


def crossover_config(checkout, **changes) -> BacktestConfig:
    source = Source(path=str(checkout / "data" / "examples" / "bars.parquet"), symbol="BTC-USDT.binance")
    told = {"strategy": "crossover", "params": {"fast": 10, "slow": 50, "lots": 10_000}, "data": [source], "desk": EASY}
    return BacktestConfig(**(told | changes))


@pytest.mark.parametrize("name", ["pipeline", "breakout", "reversion"])
def test_every_example_runs_and_its_books_balance(checkout, tmp_path, name):
    steps = []
    result = run(checkout / "examples" / f"{name}.toml", progress=lambda done, of: steps.append((done, of)))
    summary = result.summary()
    assert steps[-1] == (10_000, 10_000)
    assert summary.rows == 10_000
    assert summary.fills == len(result.fills)
    fills, curve = (pl.read_parquet(path) for path in result.to_parquet(tmp_path))
    assert fills.height == summary.fills
    start = round(result.settings.equity * 1e8)
    scale = 10 ** (8 - sum((result.instruments[0].price_decimals, result.instruments[0].quantity_decimals)))
    signed = np.where(fills["side"].to_numpy() == "buy", 1, -1)
    spent = np.cumsum(signed * fills["price_ticks"].to_numpy() * fills["lots"].to_numpy() * scale + fills["fee_e8"].to_numpy())
    assert (fills["cash_e8"].to_numpy() == start - spent).all()
    assert curve["equity_e8"][0] == start
    write_page(result, tmp_path / "report.html")
    assert name in (tmp_path / "report.html").read_text()


def test_examples_with_a_strategy_of_their_own_trade(checkout):
    for name in ("breakout", "reversion"):
        assert run(checkout / "examples" / f"{name}.toml").summary().trades > 3


def test_how_the_rows_are_portioned_changes_no_digest(checkout, monkeypatch):
    whole = run(crossover_config(checkout))
    monkeypatch.setattr(backtest, "PORTION", 777)
    parts = run(crossover_config(checkout))
    assert (parts.state_digest, parts.decisions_digest) == (whole.state_digest, whole.decisions_digest)
    assert parts.records.tobytes() == whole.records.tobytes()
    assert whole.summary().fills > 50


class PlainCrossover(Strategy):
    """The crossover of the compiled kernel, said in plain Python."""

    def __init__(self, fast: int, slow: int, lots: int) -> None:
        self.fast, self.slow, self.lots = fast, slow, lots
        self.closes: list[int] = []
        self.before = None

    def on_row(self, row, desk):
        if row.kind != BAR:
            return
        self.closes.append(row.price)
        if len(self.closes) < self.slow:
            return
        up = sum(self.closes[-self.fast :]) * self.slow > sum(self.closes[-self.slow :]) * self.fast
        if self.before is not None and up != self.before:
            if up:
                desk.buy(row.instrument, self.lots, MARKET)
            elif desk.position(row.instrument) > 0:
                desk.sell(row.instrument, self.lots, MARKET)
        self.before = up


def test_the_same_strategy_in_python_and_compiled_fills_the_same(checkout):
    compiled = run(crossover_config(checkout))
    plain = run(crossover_config(checkout, strategy=f"{__name__}:PlainCrossover"))
    for name in ("seq", "ts", "side", "price", "lots", "money", "cash", "position"):
        assert (compiled.fills[name] == plain.fills[name]).all(), name
    assert compiled.summary().end_equity == plain.summary().end_equity


def test_a_summary_is_json_with_nothing_that_json_cannot_say(checkout):
    told = msgspec.json.decode(msgspec.json.encode(run(crossover_config(checkout)).summary()))
    assert told["orders"] >= told["fills"] > 0
    assert told["end_equity"] == pytest.approx(told["start_equity"] + told["gross_profit"] - told["fees"])
    quiet = run(crossover_config(checkout, params={"fast": 10, "slow": 9_999, "lots": 1})).summary()
    assert msgspec.json.decode(msgspec.json.encode(quiet))["hit_rate"] is None


def test_figures_do_not_wrap_at_fine_decimals(checkout):
    coarse = crossover_config(checkout)
    source = msgspec.structs.replace(coarse.data[0], price_decimals=6, quantity_decimals=12)
    fine = crossover_config(checkout, data=[source], params={"fast": 10, "slow": 50, "lots": 100_000_000_000})
    told, same = run(coarse).summary(), run(fine).summary()
    assert (run(fine).fills["price"].astype(float) * run(fine).fills["lots"] > 2**63).any()
    assert same.turnover == pytest.approx(told.turnover)
    assert same.average_trade == pytest.approx(told.average_trade)


def test_rows_already_decoded_stand_in_for_files(checkout):
    data = load(crossover_config(checkout).data)
    given = run(crossover_config(checkout, data=[]), rows=(data.instruments, data.rows))
    assert given.decisions_digest == run(crossover_config(checkout)).decisions_digest


def test_a_log_is_data_as_well(checkout, tmp_path):
    data = load(crossover_config(checkout).data)
    started = Started(version="0", mode="paper", kernels="", settings={}, instruments=[msgspec.to_builtins(item) for item in data.instruments], ts=1)
    with LogWriter(tmp_path / "log") as writer:
        sequencer = Sequencer(writer)
        sequencer.tell(started)
        sequencer.stamp(data.rows[:4_000].copy())
    assert [item.symbol for item in load_log(tmp_path / "log").instruments] == ["BTC-USDT.binance"]
    told = run(crossover_config(checkout, data=[], log=str(tmp_path / "log")))
    heard = run(crossover_config(checkout, data=[]), rows=(data.instruments, data.rows[:4_000]))
    assert (told.fills["price"] == heard.fills["price"]).all()
    assert told.summary().fills == heard.summary().fills > 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('strateggy = "pipeline"', "did you mean 'strategy'"),
        ("[desk.risk]\nmax_dayly_loss = 5.0", "did you mean 'max_daily_loss'"),
        ('[[data]]\npath = "x"\nsymbol = "a"\nkinds = "bars"', "did you mean 'kind'"),
        ("equity = ", "bad.toml"),
        ("[desk]\nequity = 'much'", "Expected `float`"),
    ],
)
def test_a_configuration_that_cannot_be_read_says_where_and_what_is_near(tmp_path, text, said):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(BadConfig, match=said):
        read_config(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strategy": "piepline"}, "no strategy 'piepline'; expected pipeline, crossover, or module:Name"),
        ({"strategy": "nowhere:Name"}, "no module 'nowhere'"),
        ({"strategy": "polaris.desk.alpha.crossover:missing"}, "has no class or function 'missing'"),
        ({"params": {"fast": 1, "slower": 2}}, "does not take params"),
        ({"params": {"fast": 9, "slow": 3}}, "1 <= fast < slow"),
        ({"strategy": "pipeline", "params": {"alphaz": 1}}, "params of the pipeline"),
        ({"strategy": "fractions:Fraction", "params": {}}, "made a Fraction; expected an object with on_row"),
        ({"data": []}, "name at least one file"),
        ({"log": "somewhere"}, "only one of them"),
    ],
)
def test_what_cannot_run_is_refused_before_it_starts(checkout, changes, said):
    with pytest.raises(BadConfig, match=said):
        run(crossover_config(checkout, **changes))


def test_a_missing_file_is_named(checkout):
    with pytest.raises(BadData, match=r"gone.parquet: no such file"):
        run(crossover_config(checkout, data=[Source(path="gone.parquet", symbol="BTC-USDT.binance")]))


def test_a_month_of_recorded_bars_of_two_markets(test_data, tmp_path):
    sources = [Source(path=f"bars/binance_{name}usdt_1m.parquet", symbol=f"{name.upper()}-USDT.binance") for name in ("btc", "eth")]
    config = BacktestConfig(strategy="crossover", params={"fast": 60, "slow": 600, "lots": 1_000}, data=sources, desk=EASY)
    result = run(config, base=test_data)
    summary = result.summary()
    assert summary.rows == 2 * 43_199
    assert set(result.fills["instrument"].tolist()) == {0, 1}
    assert summary.frequency == "day"
    assert abs(summary.end_equity - summary.start_equity - float(result.trips()["profit"].sum())) < 1_000
    assert (result.records["kind"] == EQUITY).sum() > 40_000
    assert (result.records["kind"] == FILL).sum() == summary.fills
    write_page(result, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 8_000_000
