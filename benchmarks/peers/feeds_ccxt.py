"""Recorded frames through ccxt.pro's own message handlers: frames a CPU-second, as JSON {file: figure}.

usage: python feeds_ccxt.py FOLDER FILE...
Its one socket is replaced by the recording, in recorded time: watch_* subscribe as a user would, requests are answered
with the recorded documents, each not before it came. The recorder asked for them at once, so ccxt is set to do so too.
JSON is read by ccxt's own client. What the user does with what comes is not counted: nobody waits a second time.
A first run proves that the books move, and compares them with the known ones; where none moves, or one is lost, there
is no figure. ccxt: MIT, https://github.com/ccxt/ccxt
"""

import asyncio
import gc
import gzip
import json
import logging
import re
import statistics
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import NamedTuple

import ccxt.pro
from ccxt.async_support.base.ws.client import Client

RUNS = 3
SETTLED = 100  # turns of the event loop after which every subscription is out
TURN = 10  # frames between two turns of the event loop, in which what the handlers spawned goes on
TOP = 10
VENUES = {  # as the recording says: as ccxt says, and what of it is watched
    "spot": ("binance", ("order_book", "trades", "bids_asks")),
    "usdm": ("binanceusdm", ("order_book", "trades", "bids_asks")),
    "cm": ("binancecoinm", ("order_book", "trades", "bids_asks")),
    "KUCOIN": ("kucoin", ("order_book", "trades", "ticker")),
    "BITSTAMP": ("bitstamp", ("order_book", "trades")),
    "KRAKEN": ("kraken", ("order_book", "trades", "ticker")),  # its handlers read version 2 only
    "GEMINI": ("gemini", ("order_book", "trades")),
    "COINBASE": ("coinbase", ("order_book", "trades", "ticker")),
}
SUBSCRIBED = r'(?:pair|product_ids|symbols)":\[([^]]+)|diff_order_book_(\w+)|/market/level2:([^"]+)'
PARTS = re.compile(r"(\w+?)[-/]?(USDC|USDT|USD|EUR|GBP|BTC|XBT|ETH|CHF)(_?PERP)?", re.IGNORECASE)
ASKED = re.compile(r"(?:symbol=|order_book/)([\w-]+)")
BOOK = re.compile("orderbook:+|level2::")  # of the topics, before the symbol
TOKEN = '{"code":"200000","data":{"token":"","instanceServers":[{"endpoint":"wss://recorded","pingInterval":18000}]}}'


def recording(path):
    """(venue, market ids, [(market of a document or None, text)] in recorded time)."""
    with gzip.open(path, "rt") as lines:
        first = next(lines)
        return with_header(first, lines) if first.startswith('{"t":"header"') else plain(path.name, [first, *lines])


def with_header(header, lines):
    """A recording that says what it holds."""
    ids, timed = {}, []
    for line in lines:
        each = json.loads(line)
        match each["t"]:
            case "send":
                for found in re.findall(SUBSCRIBED, each["data"]):
                    ids |= dict.fromkeys("".join(found).replace('"', "").split(","))
            case "recv":
                timed.append((each["ts"], None, each["data"]))
            case "http" if asked := ASKED.search(each["url"]):
                timed.append((each["ts"], asked[1], each["data"]))
    timed.sort(key=lambda line: line[0])
    return json.loads(header)["exchange"], list(ids), [line[1:] for line in timed]


def plain(name, lines):
    """A recording of one Binance symbol without a header: its snapshot stands among the frames."""
    _, venue, rest = name.split("_", 2)
    market = rest.rsplit("_", 1)[0].upper()
    texts = [line.split(" ", 1)[1].rstrip() for line in lines]
    return venue, [market], [(market if text.startswith('{"lastUpdateId"') else None, text) for text in texts]


class Recorded(Client):
    """ccxt's client without its socket. Binance and KuCoin's answers to its own numbered requests are made here."""

    def __init__(self, *args):
        super().__init__(*args)
        self.refused = []

    def reject(self, result, message_hash=None):
        self.refused.append(f"{type(result).__name__}: {result}".split(". ")[0])
        return super().reject(result, message_hash)

    def connect(self, session, backoff_delay=0):
        self.connected.resolve(self.url)
        return self.connected

    async def send(self, message):
        if "id" in message:
            self.on_message_callback(self, {"id": message["id"]} | ({"type": "ack"} if "type" in message else {"result": None}))

    def closed(self):
        return False

    async def close(self, code=1000):
        pass


def market_of(exchange, venue, wire):
    """One market in ccxt's own structure, as far as its feeds ask."""
    base, quote, contract = PARTS.fullmatch(wire).groups()
    base, quote = (exchange.safe_currency_code(part.upper()) for part in (base, quote))
    contract = bool(contract) or venue in ("usdm", "cm")
    settle = (base if venue == "cm" else quote) if contract else None
    return exchange.safe_market_structure(
        {
            "id": wire.lower() if venue == "GEMINI" else wire,
            "lowercaseId": wire.lower(),
            "symbol": f"{base}/{quote}:{settle}" if contract else f"{base}/{quote}",
            "base": base,
            "quote": quote,
            "settle": settle,
            "type": "swap" if contract else "spot",
            "spot": not contract,
            "swap": contract,
            "contract": contract,
            "linear": settle == quote if contract else None,
            "inverse": settle == base if contract else None,
            "active": True,
        }
    )


class Run(NamedTuple):
    """CPU seconds, {market id: (symbol, book)}, {symbol: moves of its book}, what ccxt refused."""

    seconds: float
    books: dict
    moves: Counter
    refused: list


async def turns(times):
    """Let the event loop do what it has to."""
    for _ in range(times):
        await asyncio.sleep(0)


async def once(venue, ids, lines, prove=False):
    """One run; its moves are counted where they are to be proved, for counting costs."""
    name, watched = VENUES[venue]
    exchange = getattr(ccxt.pro, name)({"enableRateLimit": False, "options": {"watchOrderBook": {"snapshotDelay": 0}}})
    markets = [market_of(exchange, venue, wire) for wire in ids]
    exchange.set_markets(markets)
    exchange.open()
    moves, numbers = Counter(), count(1)

    def client(url):
        if not exchange.clients:
            exchange.clients[url] = Recorded(url, exchange.handle_message, exchange.on_error, exchange.on_close, exchange.on_connected)
        return next(iter(exchange.clients.values()))

    documents = {wire: asyncio.get_running_loop().create_future() for wire in ids}

    async def fetch(url, *args, **kwargs):
        return json.loads(TOKEN if "bullet" in url else await documents[ASKED.search(url)[1]])

    exchange.client, exchange.fetch, exchange.clients = client, fetch, {}
    exchange.request_id = lambda *url: next(numbers)  # of one socket, not of one an address
    symbols = [market["symbol"] for market in markets]
    watches = [getattr(exchange, f"watch_{what}")(each) for what in watched for each in ([symbols] if what == "bids_asks" else symbols)]
    tasks = [asyncio.ensure_future(watch) for watch in watches]
    await turns(SETTLED)
    for task in tasks:
        if task.done():  # nothing has come yet: it failed
            task.result()
    socket = client("")
    if prove:
        resolve = socket.resolve

        def counted(result, topic):
            if BOOK.match(topic or ""):
                moves[BOOK.sub("", topic)] += 1
            return resolve(result, topic)

        socket.resolve = counted
    gc.collect()
    gc.freeze()
    take = socket.handle_text_or_binary_message
    began = time.process_time()
    for number, (document, text) in enumerate(lines):
        if document is None:
            take(text)
        elif not documents[document].done():
            documents[document].set_result(text)
            await turns(TURN)
        if number % TURN == 0:
            await asyncio.sleep(0)
    spent = time.process_time() - began
    gc.unfreeze()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await exchange.close()
    books = {wire: (symbol, exchange.orderbooks.get(symbol)) for wire, symbol in zip(ids, symbols, strict=True)}
    return Run(spent, books, moves, socket.refused)


def proof(run, known):
    """What is to be said of the books; raises LookupError where none moved or one was lost."""
    moved = {wire: run.moves[symbol] for wire, (symbol, _) in run.books.items()}
    if lost := [wire for wire, (_, book) in run.books.items() if moved[wire] and book is None]:
        raise LookupError(f"it lost the book of {', '.join(lost)}: {'; '.join(run.refused) or 'no reason given'}")
    if not any(times > 1 for times in moved.values()):
        raise LookupError("no order book moved")
    said = [f"{sum(moved.values()):,} moves of {sum(map(bool, moved.values()))} of {len(moved)} books"]
    if not known:
        return "; ".join([*said, "no known book to compare with"])
    wrong = {wire: why for wire, book in known.items() if (why := differs(run.books[wire][1], book))}
    said.append(f"{len(known) - len(wrong)} of {len(known)} known books agree in their first {TOP} levels")
    said += [f"{wire} {why}" for wire, why in wrong.items()]
    for wire in known.keys() - wrong.keys():
        if (held := deep(run.books[wire][1])) != (all_of := (known[wire]["n_bids"], known[wire]["n_asks"])):
            said.append(f"{wire} holds {held} levels of {all_of}")
    return "; ".join(said)


def differs(book, known):
    """How the first levels are not the known ones; nothing where they are."""
    if not book or not deep(book)[0] or not deep(book)[1]:
        return "never began"
    for side in ("bids", "asks"):
        if [level[:2] for level in book[side][:TOP]] != [[float(text) for text in level] for level in known[side]]:
            return f"differs in its {side}"
    return ""


def deep(book):
    """(bids, asks) a book holds."""
    return len(book["bids"]), len(book["asks"])


def main(folder, *names):
    """Print the figures; what can't be done is said on standard error and left out."""
    logging.disable()
    everything = json.loads((Path(folder) / "expected_books.json").read_text())
    figures = {}
    for name in names:
        try:
            venue, ids, lines = recording(Path(folder) / name)
            known = everything.get(name, {}).get("final", {})
            known = {ids[0]: known[name]} if name in known else known
            print(f"ccxt, {name}: {proof(asyncio.run(once(venue, ids, lines, prove=True)), known)}", file=sys.stderr)
            frames = sum(document is None for document, _ in lines)
            figures[name] = round(statistics.median(frames / asyncio.run(once(venue, ids, lines)).seconds for _ in range(RUNS)))
        except Exception as error:
            print(f"ccxt, {name}: {type(error).__name__}: {error}", file=sys.stderr)
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
