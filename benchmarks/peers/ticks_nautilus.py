"""Work A on nautilus_trader's Rust engine with a strategy in plain Python: few orders, then many."""

import importlib.metadata
import sys
from decimal import Decimal

import nautilus_trader.core.nautilus_pyo3 as n
from timing import measured, say

from work import CASH, FEE, SIZE, TICK, Cross, ticks

model, backtest, trading = n.model, n.backtest, n.trading
VENUE = model.Venue("SIM")
ID = model.InstrumentId.from_str("BTCUSDT.SIM")
USDT, BTC = model.Currency.from_str("USDT"), model.Currency.from_str("BTC")
QUANTITY = model.Quantity(SIZE, 3)


class Average(trading.Strategy):
    """The crossover on every trade, market orders."""

    def __init__(self, config=None):
        super().__init__(config)
        self.orders = 0
        self.long = False

    def on_start(self):
        self.subscribe_quotes(ID)
        self.subscribe_trades(ID)

    def on_trade(self, trade):
        signal = self.cross.push(trade.price.as_double())
        if signal > 0 and not self.long:
            self.send(model.OrderSide.BUY)
            self.long = True
        elif signal < 0 and self.long:
            self.send(model.OrderSide.SELL)
            self.long = False

    def send(self, side):
        self.orders += 1
        self.submit_order(model.MarketOrder(
            self.trader_id, self.strategy_id, ID, model.ClientOrderId(f"O-{self.orders}"), side, QUANTITY, n.UUID4(), self.clock.timestamp_ns(),
            model.TimeInForce.GTC, False, False, model.ContingencyType.NO_CONTINGENCY))  # fmt: skip


def engine():
    """One engine with the instrument and its fees."""
    logger = n.common.LoggerConfig(bypass_logging=True)
    made = backtest.BacktestEngine(backtest.BacktestEngineConfig(bypass_logging=True, run_analysis=False, logging=logger))
    made.add_venue(VENUE, model.OmsType.NETTING, model.AccountType.MARGIN, [model.Money(CASH, USDT)], base_currency=USDT, default_leverage=Decimal(1), book_type=model.BookType.L1_MBP)
    fee = Decimal(str(FEE))
    made.add_instrument(model.CurrencyPair(
        ID, model.Symbol("BTCUSDT"), BTC, USDT, 2, 3, model.Price(TICK, 2), model.Quantity(0.001, 3), 0, 0,
        margin_init=Decimal("0.05"), margin_maint=Decimal("0.05"), maker_fee=fee, taker_fee=fee))  # fmt: skip
    return made


def objects(count):
    """Quotes and trades as its own objects."""
    bid, ask, price, side, size, quoted, traded = (column.tolist() for column in ticks(count))
    deep = model.Quantity(5.0, 3)
    p, q = model.Price, model.Quantity
    buyer, seller = model.AggressorSide.BUYER, model.AggressorSide.SELLER
    quotes = [model.QuoteTick(ID, p(b * TICK, 2), p(a * TICK, 2), deep, deep, t, t) for b, a, t in zip(bid, ask, quoted, strict=True)]
    trades = [
        model.TradeTick(ID, p(x * TICK, 2), q(z / 1000, 3), buyer if s > 0 else seller, model.TradeId(str(i)), t, t)
        for i, (x, z, s, t) in enumerate(zip(price, size, side, traded, strict=True))
    ]
    return quotes, trades


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    version = importlib.metadata.version("nautilus_trader")
    for fast, slow, count in ((500, 1000, 1_000_000), (10, 20, 100_000)):
        quotes, trades = objects(count)

        def prepare(fast=fast, slow=slow, quotes=quotes, trades=trades):
            made = engine()
            made.add_data(quotes, sort=False)
            made.add_data(trades, sort=False)
            made.sort_data()
            strategy = Average(trading.StrategyConfig(strategy_id=model.StrategyId("MA-001"), log_events=False, log_commands=False))
            strategy.cross = Cross(fast, slow)
            made.add_strategy(strategy)

            def run():
                made.run()
                return made.get_result().total_orders

            return run

        orders, seconds = measured(prepare, times)
        say("nautilus_trader", version, f"ticks python {fast}/{slow}", 2 * count, seconds, orders=orders)
