"""Recorded frames through cryptofeed's own message handlers: frames a CPU-second, as JSON {file: figure}.

usage: python feeds_cryptofeed.py FOLDER FILE...
Its connections are replaced by the recording: documents are those recorded, by address; callbacks do nothing.
"""

import asyncio
import gzip
import json
import logging
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

from cryptofeed.connection import HTTPAsyncConn, HTTPSync
from cryptofeed.exchanges import EXCHANGE_MAP
from cryptofeed.symbols import Symbols

RUNS = 3
TELLS_CHECKSUMS = ("KRAKEN",)  # the only handler here with a checksum of its own
MARKETS = {"spot": "BINANCE", "usdm": "BINANCE_FUTURES"}


def lines_of(path):
    """(exchange, subscription, documents by address, [(seconds, frame)]) of a recording."""
    documents, frames = defaultdict(list), []
    with gzip.open(path, "rt") as lines:
        first = next(lines)
        if not first.startswith('{"t":"header"'):
            return plain(path.name, [first, *lines])
        header = json.loads(first)
        for line in lines:
            each = json.loads(line)
            if each["t"] == "http":
                documents[each["url"]].append(each["data"])
            elif each["t"] == "recv":
                frames.append((each["ts"], each["data"]))
    return header["exchange"], header["config"], documents, frames


def plain(name, lines):
    """A recording of one Binance symbol without a header: its snapshot stands among the frames."""
    market = name.split("_")[1]
    if market not in MARKETS:
        raise ValueError("coin-margined futures: no such handler")
    symbol = name.split("_")[2].upper()
    pair = f"{symbol[:-4]}-{symbol[-4:]}" + ("-PERP" if market == "usdm" else "")
    documents, frames = defaultdict(list), []
    for line in lines:
        stamp, frame = line.split(" ", 1)
        if frame.startswith('{"lastUpdateId"'):
            documents["depth"].append(frame)
        else:
            frames.append((int(stamp) / 1e9, frame.replace("@depth@0ms", "@depth@100ms").rstrip()))
    exchange = MARKETS[market]
    base = {"symbol": symbol, "baseAsset": symbol[:-4], "quoteAsset": symbol[-4:], "status": "TRADING"}
    if market == "usdm":
        base |= {"contractType": "PERPETUAL"}
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", "stepSize": "0.00001"}]
    documents["exchangeInfo"].append(json.dumps({"symbols": [base | {"filters": filters}]}))
    return exchange, {"l2_book": [pair], "ticker": [pair], "trades": [pair]}, documents, frames


async def once(path):
    """CPU seconds and frames of one run."""
    exchange, wanted, documents, frames = lines_of(path)
    held = {url: list(data) for url, data in documents.items()}

    def document(url):
        found = [known for known in held if known == url or (known in ("depth", "exchangeInfo") and known in url) or known.rsplit("/", 1)[1:] == url.rsplit("/", 1)[1:]]
        if not found:
            raise LookupError(f"not in the recording: {url}")
        return held[found[0]].pop(0) if len(held[found[0]]) > 1 else held[found[0]][0]

    async def read(self, address, *args, **kwargs):
        return document(address)

    def read_now(self, address, *args, json=False, **kwargs):
        import json as reader

        return reader.loads(document(address)) if json else document(address)

    def token(self, *args, **kwargs):
        return {"data": {"token": "", "instanceServers": [{"endpoint": "wss://recorded", "pingInterval": 18000}]}}

    HTTPAsyncConn.read, HTTPSync.read, HTTPSync.write = read, read_now, token
    Symbols.clear()

    async def nothing(*args):
        pass

    known = EXCHANGE_MAP[exchange].websocket_channels
    wanted = {channel: pairs for channel, pairs in wanted.items() if channel in known and channel != "candles"}
    feed = EXCHANGE_MAP[exchange](subscription=wanted, callbacks=dict.fromkeys(wanted, nothing), checksum_validation=exchange in TELLS_CHECKSUMS)

    class Socket:
        uuid, conn_type = "1", "wss"
        subscription = {feed.std_channel_to_exchange(channel): [feed.std_symbol_to_exchange_symbol(pair) for pair in pairs] for channel, pairs in wanted.items()}

        async def write(self, *args, **kwargs):
            pass

    Socket.read = read
    socket = Socket()
    connections = feed.connect()
    for _, subscribe, _, _ in connections:
        await subscribe(socket)
    handler = connections[-1][2]
    began = time.process_time()
    for stamp, frame in frames:
        await handler(frame, socket, stamp)
    return time.process_time() - began, len(frames)


def main(folder, *names):
    """Print the figures; what can't be done is said on standard error and left out."""
    logging.disable()
    figures = {}
    for name in names:
        try:
            runs = [asyncio.run(once(Path(folder) / name)) for _ in range(RUNS)]
        except Exception as error:
            print(f"cryptofeed, {name}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        figures[name] = round(statistics.median(count / seconds for seconds, count in runs))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
