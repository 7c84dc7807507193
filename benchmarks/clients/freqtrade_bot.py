"""freqtrade on an exchange of one's own, first dry, then live; afterwards both sides are asked what happened, and must say the same.

    make test-freqtrade SECONDS=300

It is installed by itself under .venv-peers (it has a hundred dependencies, and GPL-3.0 is no licence of ours: it is only run). The exchange
is a fresh one with simulated traders; the strategy is examples/exchange/InAndOut.py with a stop close enough to be met. In the
middle of the live run the exchange is killed, kill -9, and started again. What is compared:

- dry: the exchange heard of no order, and every price freqtrade says it traded at was traded there within the minute;
- live: each order of freqtrade's database is on the exchange and each of the account's orders is in the database, with the same side,
  state, quantity and money; the account holds, to the last unit, what was paid in and what its fills made of it; what freqtrade
  believes to hold is there, and what lies beside it is dust: less than a lot a trade (a stop that was met when it had left already is left out);
- both: no warning and no error in its log, but for the seconds the exchange was away, its own stop by Ctrl-C, and a stop that the price had passed before it was
  placed: that is refused as by Binance, and freqtrade goes out at the market.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "examples" / "exchange"
ENVIRONMENT: Final = ROOT / ".venv-peers" / "freqtrade"
PINNED: Final = ("freqtrade==2026.9", "ccxt==4.5.90")
ACCOUNT: Final = 200
PAID_IN: Final = Decimal(100_000)
RESTING: Final = 50  # orders: people trade on it
PAIRS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
STOP: Final = -0.0003  # of the entry: near enough to be met now and then
SLACK: Final = Decimal("0.0005")  # a dry fill is at the touch, which nobody need have traded at
STATES: Final = {"closed": {"FILLED"}, "canceled": {"CANCELED"}, "expired": {"EXPIRED", "EXPIRED_IN_MATCH"}, "open": {"NEW", "PARTIALLY_FILLED"}, "rejected": {"REJECTED"}}
WHEN: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
BEGINS: Final = re.compile(rf"^(?={WHEN.pattern})", re.MULTILINE)  # a message of the log; what follows without a time belongs to it
TROUBLE: Final = re.compile(r" - (WARNING|ERROR|CRITICAL) - |^Traceback", re.MULTILINE)
TOO_LATE: Final = re.compile(r"Stop price would\s+trigger immediately|Exiting the trade forcefully")
LOOK_S: Final = 5.0  # at most between two looks of freqtrade at an order
AFTER_S: Final = 60.0  # it may tell so long of an exchange that was away


@dataclass
class Exchange:
    """A fresh exchange in a folder: its process, its address, and questions as the account's owner."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: [0, 0])
    key: str = ""
    secret: str = ""

    def start(self) -> None:
        """Open it and wait until people trade on it; a second start is on the same ports."""
        self.folder.mkdir(exist_ok=True)
        binance, coinbase = self.ports
        command = ["exchange", "--simulate", "--data", str(self.folder), "--binance-port", str(binance), "--coinbase-port", str(coinbase), "--fix-port", "0"]
        with (self.folder / "exchange.log").open("a") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "polaris", *command], stdout=log, stderr=log)
        deadline = time.monotonic() + 300
        while (about := self._status())["orders_alive"] < RESTING:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the exchange did not open; its words are in {self.folder / 'exchange.log'}")
            time.sleep(0.5)
        self.ports = [int(about["addresses"][name].rpartition(":")[2]) for name in ("binance", "coinbase")]

    def _status(self) -> dict[str, Any]:
        done = self._polaris("status")
        return json.loads(done.stdout) if done.returncode == 0 else {"orders_alive": 0}

    def _polaris(self, *asked: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "polaris", "exchange", *asked, "--data", str(self.folder), "--json"], capture_output=True, text=True, check=False, timeout=120)

    def open_account(self) -> None:
        """A key, and money."""
        made = json.loads(self._polaris("keys", "add", str(ACCOUNT)).stdout)
        self.key, self.secret = made["key"], made["secret"]
        self._polaris("deposit", str(ACCOUNT), "USDT", str(PAID_IN)).check_returncode()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def asked(self, path: str, **parameters: Any) -> Any:
        """A signed question of the account's owner."""
        query = urlencode({**parameters, "recvWindow": 60_000, "timestamp": int(time.time() * 1000)})
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return httpx.get(f"{self.address}/api/v3/{path}?{query}&signature={signature}", headers={"X-MBX-APIKEY": self.key}).raise_for_status().json()

    def candles(self, symbol: str) -> dict[int, tuple[Decimal, Decimal]]:
        """{minute: (lowest, highest) price traded}."""
        told = httpx.get(f"{self.address}/api/v3/klines?symbol={symbol}&interval=1m&limit=1000").raise_for_status().json()
        return {row[0] // 60_000: (Decimal(row[3]), Decimal(row[2])) for row in told}

    def end(self, how: int = signal.SIGTERM) -> None:
        """Stop it, or kill it."""
        self.process.send_signal(how)
        self.process.wait(60)


def install() -> Path:
    """freqtrade, pinned, in an environment of its own; its folder of programs."""
    programs = ENVIRONMENT / "bin"
    if not (ENVIRONMENT / "done").exists():
        print(f"installing {' '.join(PINNED)} into {ENVIRONMENT.relative_to(ROOT)}: some minutes", flush=True)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED], check=True)
        (ENVIRONMENT / "done").touch()
    return programs


@contextmanager
def freqtrade(programs: Path, exchange: Exchange, folder: Path, dry: bool) -> Iterator[None]:
    """freqtrade trading, until the block ends; then it is asked to stop as a person would, by Ctrl-C."""
    folder.mkdir()
    api, ws = f"{exchange.address}/api/v3", f"ws://127.0.0.1:{exchange.ports[0]}/ws"
    urls = {"public": api, "private": api, "sapi": f"{exchange.address}/sapi/v1", "ws": {"spot": ws}}
    ours = {
        "dry_run": dry,
        "dry_run_wallet": float(PAID_IN),
        "max_open_trades": len(PAIRS),
        "stoploss": STOP,
        "exchange": {"enable_ws": True, "pair_whitelist": PAIRS, "ccxt_config": {"urls": {"api": urls}}},
        "internals": {"process_throttle_secs": 1},
    }
    (folder / "ours.json").write_text(json.dumps(ours))
    secrets = {"FREQTRADE__EXCHANGE__KEY": exchange.key, "FREQTRADE__EXCHANGE__SECRET": exchange.secret}
    arguments = ["--config", EXAMPLES / "freqtrade.json", "--config", folder / "ours.json", "--strategy", "InAndOut", "--strategy-path", EXAMPLES]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [programs / "freqtrade", "trade", *arguments, "--userdir", folder, "--db-url", f"sqlite:///{folder / 'trades.sqlite'}"],
            env=os.environ | secrets, stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
        try:
            yield
            if process.poll() is not None:
                raise SystemExit(f"freqtrade ended by itself, code {process.returncode}: {folder / 'log'}")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(120)


def believed(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(trades, orders) of freqtrade's database."""
    with sqlite3.connect(folder / "trades.sqlite") as base:
        base.row_factory = sqlite3.Row
        trades, orders = ([dict(row) for row in base.execute(f"select * from {table} order by id")] for table in ("trades", "orders"))
    return trades, orders


def dry_faults(exchange: Exchange, folder: Path) -> list[str]:
    """Where a dry run and the exchange disagree."""
    _, orders = believed(folder)
    faults = [f"{pair}: a dry run, and the exchange has orders of it" for pair in PAIRS if exchange.asked("allOrders", symbol=wire(pair))]
    if (holds := holdings(exchange)) != {"USDT": PAID_IN}:
        faults.append(f"a dry run, and the account holds {holds}")
    candles = {pair: exchange.candles(wire(pair)) for pair in PAIRS}
    for order in orders:
        if order["filled"]:
            minute = int(datetime.fromisoformat(order["order_filled_date"]).replace(tzinfo=UTC).timestamp()) // 60
            near = [candles[order["symbol"]][each] for each in range(minute - 1, minute + 2) if each in candles[order["symbol"]]]
            low, high = min(each[0] for each in near), max(each[1] for each in near)
            price = exact(order["average"] or order["price"])
            if not low * (1 - SLACK) <= price <= high * (1 + SLACK):
                faults.append(f"{order['symbol']}: dry order {order['id']} at {price}; the exchange traded between {low} and {high}")
    return faults


def live_faults(exchange: Exchange, folder: Path, left: float) -> list[str]:
    """Where a live run and the exchange disagree; what was filled after freqtrade `left` (seconds since 1970) it could not hear of."""
    trades, orders = believed(folder)
    faults, made = [], {"USDT": PAID_IN}
    for pair in PAIRS:
        symbol, base = wire(pair), pair.partition("/")[0]
        there = {str(order["orderId"]): order for order in exchange.asked("allOrders", symbol=symbol, limit=1000)}
        fills = exchange.asked("myTrades", symbol=symbol, limit=1000)
        ours = {order["order_id"]: order for order in orders if order["symbol"] == pair}
        faults += [f"{pair}: order {each} of freqtrade is not on the exchange" for each in ours.keys() - there.keys()]
        faults += [f"{pair}: order {each} of the exchange is not freqtrade's: {there[each]}" for each in there.keys() - ours.keys()]
        unheard = {number for number, order in there.items() if order["updateTime"] / 1000 > left and ours.get(number, {}).get("status") == "open"}
        for number in (ours.keys() & there.keys()) - unheard:
            faults += [f"{pair}: order {number}: {fault}" for fault in differences(ours[number], there[number])]
        for fill in fills:
            sign = 1 if fill["isBuyer"] else -1
            made[base] = made.get(base, Decimal(0)) + sign * Decimal(fill["qty"])
            made["USDT"] -= sign * Decimal(fill["quoteQty"])
            made[fill["commissionAsset"]] -= Decimal(fill["commission"])
        sold_since = sum((Decimal(there[number]["executedQty"]) for number in unheard), Decimal(0))
        held = holdings(exchange).get(base, Decimal(0)) + sold_since
        open_amount = sum((exact(trade["amount"]) for trade in trades if trade["pair"] == pair and trade["is_open"]), Decimal(0))
        lot, count = lots(exchange, symbol), sum(trade["pair"] == pair for trade in trades)
        if not 0 <= held - open_amount <= lot * count:
            faults.append(f"{pair}: the account holds {held}, freqtrade believes in {open_amount}; between 0 and a lot of {lot} a trade, {count} trades, may lie beside it")
    holds, made = holdings(exchange), {asset: amount for asset, amount in made.items() if amount}
    if holds != made:
        faults.append(f"the account holds {holds}; what was paid in and its fills make {made}")
    return faults


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[str]:
    """What freqtrade and the exchange say differently of one order."""
    if ours["side"].upper() != theirs["side"]:
        yield f"freqtrade says {ours['side']}, the exchange {theirs['side']}"
    if theirs["status"] not in STATES.get(ours["status"], ()):
        yield f"freqtrade says {ours['status']}, the exchange {theirs['status']}"
    if exact(ours["filled"] or 0) != Decimal(theirs["executedQty"]):
        yield f"freqtrade says {ours['filled']} is filled, the exchange {theirs['executedQty']}"
    money = Decimal(theirs["cummulativeQuoteQty"])
    if money and abs(exact(ours["cost"]) - money) > Decimal("1e-6"):
        yield f"freqtrade says it cost {ours['cost']}, the exchange {money}"


def troubles(folder: Path, away: list[tuple[float, float]]) -> list[str]:
    """What the log tells of trouble, but for the times of `away`, and for a stop that the price had passed before it was placed.

    away  from when to when the exchange was not there; and when freqtrade was told to stop, which interrupts it in the middle of anything
    """
    found = []
    for words in BEGINS.split((folder / "log").read_text()):
        when = datetime.fromisoformat(told[0]).timestamp() if (told := WHEN.match(words)) else 0.0
        if TROUBLE.search(words) and not TOO_LATE.search(words) and not any(begun - 1 <= when <= ended + AFTER_S for begun, ended in away):
            found.append(words.partition("\n")[0][:300])
    return found


def holdings(exchange: Exchange) -> dict[str, Decimal]:
    """{asset: free and locked}, of what there is any."""
    told = {each["asset"]: Decimal(each["free"]) + Decimal(each["locked"]) for each in exchange.asked("account")["balances"]}
    return {asset: amount for asset, amount in told.items() if amount}


def lots(exchange: Exchange, symbol: str) -> Decimal:
    """The step quantities of a symbol are made of."""
    filters = httpx.get(f"{exchange.address}/api/v3/exchangeInfo?symbol={symbol}").raise_for_status().json()["symbols"][0]["filters"]
    return next(Decimal(each["stepSize"]) for each in filters if each["filterType"] == "LOT_SIZE")


def wire(pair: str) -> str:
    """As the exchange writes a pair."""
    return pair.replace("/", "")


def exact(value: float) -> Decimal:
    """What a database's float was before it became one: eight decimals."""
    return Decimal(repr(value)).quantize(Decimal("1e-8"))


def show(name: str, folder: Path, faults: list[str]) -> None:
    """Print what freqtrade did, and whether the exchange says so too."""
    trades, orders = believed(folder)
    closed = [trade for trade in trades if not trade["is_open"]]
    reasons, states = Counter(trade["exit_reason"] for trade in closed), Counter(f"{order['ft_order_side']} {order['status']}" for order in orders)
    print(f"{name}: {len(trades)} trades, {len(closed)} closed ({', '.join(f'{count} {why}' for why, count in reasons.items())})")
    print(f"      orders {', '.join(f'{count} {state}' for state, count in sorted(states.items()))}")
    print(f"      profit {sum(trade['close_profit_abs'] or 0 for trade in closed):,.2f} USDT as freqtrade counts it")
    print(f"      {'both sides agree' if not faults else f'{len(faults)} FAULTS'}", flush=True)
    for fault in faults[:30]:
        print(f"      {fault}")


def main(seconds: float, kill: bool, folder: Path) -> int:
    """Run both; 0 where everything agrees."""
    programs, exchange = install(), Exchange(folder / "exchange")
    exchange.start()
    try:
        exchange.open_account()
        while min(len(exchange.candles(wire(pair))) for pair in PAIRS) < 2:  # a whole one, and the running one
            time.sleep(1)
        with freqtrade(programs, exchange, folder / "dry", dry=True):
            time.sleep(seconds)
            left = time.time()
        faults = dry_faults(exchange, folder / "dry") + troubles(folder / "dry", [(left, left)])
        show("dry ", folder / "dry", faults)
        away = []
        with freqtrade(programs, exchange, folder / "live", dry=False):
            time.sleep(seconds / 2)
            if kill:
                begun = time.time()
                exchange.end(signal.SIGKILL)
                exchange.start()
                away.append((begun, time.time()))
            time.sleep(seconds / 2)
            left = time.time()
        away.append((left, left))
        wrong = live_faults(exchange, folder / "live", left - LOOK_S) + troubles(folder / "live", away)
        show("live", folder / "live", wrong)
    finally:
        exchange.end()
    return 1 if faults or wrong else 0


if __name__ == "__main__":
    wanted = argparse.ArgumentParser(description="freqtrade, dry and live, on an exchange made for it.")
    wanted.add_argument("--seconds", type=float, default=180, help="of each mode")
    wanted.add_argument("--no-kill", action="store_true", help="the exchange is not killed in the middle of the live run")
    wanted.add_argument("--folder", type=Path, help="keep logs and databases here")
    options = wanted.parse_args()
    with tempfile.TemporaryDirectory(prefix="polaris-freqtrade-") as temporary:
        if options.folder:
            options.folder.mkdir(parents=True)
        sys.exit(main(options.seconds, not options.no_kill, options.folder or Path(temporary)))
