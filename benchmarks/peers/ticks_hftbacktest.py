"""Work A on hftbacktest: each quote as up to four depth rows, constant latency, a compiled strategy woken on every row."""

import hftbacktest as h
import numpy as np
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.types import event_dtype
from numba import njit
from timing import measured, say

from work import FEE, LATENCY, SIZE, TICK, ticks


def rows(n):
    """(its rows, lowest bid, highest ask): new level first, then the old one gone; the side that moves away goes first."""
    bid, ask, price, side, size, quoted, traded = ticks(n)
    old_bid, old_ask = np.concatenate(([0], bid[:-1])), np.concatenate(([0], ask[:-1]))
    up = bid > old_bid
    event = np.zeros((n, 5), event_dtype)
    keep = np.ones((n, 5), bool)
    both = h.EXCH_EVENT | h.LOCAL_EVENT
    buys, sells = both | h.DEPTH_EVENT | h.BUY_EVENT, both | h.DEPTH_EVENT | h.SELL_EVENT
    for chosen, order in ((up, ((sells, ask, 5.0), (sells, old_ask, 0.0), (buys, bid, 5.0), (buys, old_bid, 0.0))),
                          (~up, ((buys, bid, 5.0), (buys, old_bid, 0.0), (sells, ask, 5.0), (sells, old_ask, 0.0)))):  # fmt: skip
        for slot, (kind, level, quantity) in enumerate(order):
            event["ev"][chosen, slot] = kind
            event["px"][chosen, slot] = level[chosen] * TICK
            event["qty"][chosen, slot] = quantity
    keep[:, 1] = np.where(up, ask != old_ask, bid != old_bid)
    keep[:, 3] = np.where(up, bid != old_bid, ask != old_ask)
    keep[0, 1] = keep[0, 3] = False
    event["exch_ts"][:, :4] = quoted[:, None]
    event["ev"][:, 4] = both | h.TRADE_EVENT | np.where(side > 0, h.BUY_EVENT, h.SELL_EVENT)
    event["px"][:, 4] = price * TICK
    event["qty"][:, 4] = size / 1000
    event["exch_ts"][:, 4] = traded
    event["local_ts"] = event["exch_ts"] + LATENCY
    return np.ascontiguousarray(event.reshape(-1)[keep.reshape(-1)]), int(bid.min()), int(ask.max())


def engine(data, low, high):
    """One backtest over these rows."""
    asset = BacktestAsset().data(data).linear_asset(1.0).constant_order_latency(LATENCY, LATENCY).risk_adverse_queue_model()
    asset = asset.no_partial_fill_exchange().trading_value_fee_model(FEE, FEE).tick_size(TICK).lot_size(0.001).last_trades_capacity(10_000)
    return ROIVectorMarketDepthBacktest([asset.roi_lb((low - 100) * TICK).roi_ub((high + 100) * TICK)])


@njit
def trade(backtest, fast, slow, size):
    """The crossover on every trade, market orders; returns how many."""
    window = np.zeros(slow)
    count = 0
    fast_sum = slow_sum = 0.0
    state = -1
    long = False
    orders = 0
    while True:
        answer = backtest.wait_next_feed(False, 10_000_000_000)
        if answer not in (0, 2):
            break
        trades = backtest.last_trades(0)
        for i in range(len(trades)):
            x = trades[i]["px"]
            fast_sum += x
            slow_sum += x
            if count >= fast:
                fast_sum -= window[(count - fast) % slow]
            if count >= slow:
                slow_sum -= window[count % slow]
            window[count % slow] = x
            count += 1
            if count < slow:
                continue
            up = 1 if fast_sum * slow > slow_sum * fast else 0
            if up == state:
                continue
            first = state < 0
            state = up
            if first:
                continue
            if up == 1 and not long:
                orders += 1
                backtest.submit_buy_order(0, orders, 1e6, size, 0, 1, False)
                long = True
            elif up == 0 and long:
                orders += 1
                backtest.submit_sell_order(0, orders, 1.0, size, 0, 1, False)
                long = False
        if len(trades):
            backtest.clear_last_trades(0)
            if orders % 64 == 0:
                backtest.clear_inactive_orders(0)
    return orders


if __name__ == "__main__":
    warm = rows(2000)  # the engine keeps no reference of its own to its rows
    trade(engine(*warm), 10, 20, SIZE)
    data, low, high = rows(1_000_000)
    for fast, slow in ((10, 20), (500, 1000)):

        def prepare(fast=fast, slow=slow):
            backtest = engine(data, low, high)
            return lambda: trade(backtest, fast, slow, SIZE)

        orders, seconds = measured(prepare)
        say("hftbacktest", h.__version__, f"ticks compiled {fast}/{slow}", 2_000_000, seconds, orders=int(orders))
