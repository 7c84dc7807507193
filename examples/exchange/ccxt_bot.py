"""ccxt on an exchange of one's own: unchanged but for the address.

usage: python examples/exchange/ccxt_bot.py ADDRESS KEY SECRET     e.g. http://127.0.0.1:9010
"""

import sys

import ccxt


def main(address: str, key: str, secret: str) -> None:
    """Markets, balance, a limit order, its cancel, a market order, an OCO, what was traded."""
    exchange = ccxt.binance({"apiKey": key, "secret": secret, "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}})
    exchange.urls["api"] |= dict.fromkeys(("public", "private"), f"{address}/api/v3") | {"sapi": f"{address}/sapi/v1"}
    print("markets   ", ", ".join(exchange.load_markets()))
    print("balance   ", {asset: amount for asset, amount in exchange.fetch_balance()["total"].items() if amount})
    book = exchange.fetch_order_book("BTC/USDT", 5)
    print("touch     ", book["bids"][0], book["asks"][0])
    order = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, book["bids"][-1][0])
    print("placed    ", order["id"], order["status"], order["price"])
    print("open      ", [each["id"] for each in exchange.fetch_open_orders("BTC/USDT")])
    print("cancelled ", exchange.cancel_order(order["id"], "BTC/USDT")["status"])
    bought = exchange.create_order("BTC/USDT", "market", "buy", 0.01)
    print("bought    ", bought["filled"], "at", bought["average"], "fee", bought["fees"])
    stop = exchange.create_order("BTC/USDT", "STOP_LOSS_LIMIT", "sell", 0.005, round(book["bids"][0][0] * 0.98, 2), {"stopPrice": round(book["bids"][0][0] * 0.985, 2)})
    print("stop      ", stop["id"], stop["status"])
    print("cancelled ", exchange.cancel_order(stop["id"], "BTC/USDT")["status"])
    for trade in exchange.fetch_my_trades("BTC/USDT"):
        print("trade     ", trade["id"], trade["side"], trade["amount"], trade["price"], trade["takerOrMaker"], trade["fee"])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
