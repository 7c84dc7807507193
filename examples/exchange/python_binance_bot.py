"""python-binance on an exchange of one's own: unchanged but for the address.

usage: python examples/exchange/python_binance_bot.py ADDRESS KEY SECRET     e.g. http://127.0.0.1:9010
"""

import sys

from binance import Client


def main(address: str, key: str, secret: str) -> None:
    """Account, book, candles, a limit order and its cancel, a market order, an OCO."""
    client = Client(key, secret, ping=False)
    client.API_URL = f"{address}/api"
    print("time      ", client.get_server_time()["serverTime"])
    print("balance   ", [each for each in client.get_account()["balances"] if float(each["free"])])
    bid = client.get_order_book(symbol="ETHUSDT", limit=5)["bids"][0]
    print("best bid  ", bid)
    print("candles   ", len(client.get_klines(symbol="ETHUSDT", interval="1m")))
    order = client.order_limit_buy(symbol="ETHUSDT", quantity="0.1", price=f"{float(bid[0]) * 0.99:.2f}")
    print("placed    ", order["orderId"], order["status"])
    print("cancelled ", client.cancel_order(symbol="ETHUSDT", orderId=order["orderId"])["status"])
    bought = client.order_market_buy(symbol="ETHUSDT", quantity="0.1")
    print("bought    ", bought["executedQty"], [(fill["price"], fill["qty"], fill["commission"], fill["commissionAsset"]) for fill in bought["fills"]])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
