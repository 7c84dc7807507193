"""Symbols described in each venue's own words, for a recording that lacks the document which a client asks for.

A client asks for what it needs: one symbol, some of them, all there are. A recording holds what its recorder asked for, or
nothing at all. The document is put together from recorded parts, else made from the instruments that the frames show.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from polaris.domain.instrument import Instrument, Product
from polaris.domain.numbers import MONEY_DECIMALS, text
from polaris.venues.gemini.symbols import DETAILS_PATH


def described(venue: str, address: str, instruments: Iterable[Instrument], documents: Mapping[str, bytes]) -> bytes | None:
    """The document at an address without its host; None where it is not recorded, and none that can be made.

    documents  the recorded ones, by address, with and without their query
    """
    path = urlsplit(address).path
    what = path.rpartition("/")[2]
    held = documents.get(address) or documents.get(path)
    match venue, what:
        case "kraken-v1", "AssetPairs" if held is not None:
            return _as_written(held, instruments)
        case _ if held is not None:
            return held
        case "binance" | "binance-us" | "binance-usdm" | "binance-coinm", "exchangeInfo":
            return msgspec.json.encode(
                {
                    "timezone": "UTC",
                    "serverTime": 0,
                    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
                    "exchangeFilters": [],
                    "symbols": [_binance(item) for item in instruments],
                }
            )
        case "coinbase", "products":
            products = [_coinbase(item) for item in instruments]
            return msgspec.json.encode({"products": products, "num_products": len(products)})
        case "coinbase-exchange", _:
            found = [_exchange(item) for item in instruments if what in ("products", item.wire)]
            return msgspec.json.encode(found if what == "products" else found[0]) if found else None
        case "gemini", _:
            details = [documents.get(DETAILS_PATH + item.wire.lower()) or _gemini(item) for item in instruments if what in ("all", item.wire.lower())]
            return (b"[" + b",".join(details) + b"]" if what == "all" else details[0]) if details else None
        case "kucoin", "symbols":  # described alike in each version of the path
            return next((each for known, each in documents.items() if urlsplit(known).path.endswith("/symbols")), None)
    return None


def _as_written(document: bytes, instruments: Iterable[Instrument]) -> bytes:
    """AssetPairs with the decimals that the recorded frames write: v1 writes more than it tells, and they count in its checksums."""
    told = msgspec.json.decode(document)
    seen = {item.wire: item for item in instruments}
    for pair in told["result"].values():
        if (item := seen.get(pair.get("wsname", ""))) is not None:
            pair["tick_size"] = text(item.price_increment, item.price_decimals)
            pair["pair_decimals"], pair["lot_decimals"] = item.price_decimals, item.quantity_decimals
    return msgspec.json.encode(told)


def _binance(item: Instrument) -> dict[str, Any]:
    tick, lot = (text(10 ** (8 - decimals), 8) for decimals in (item.price_decimals, item.quantity_decimals))
    info = {
        "symbol": item.wire,
        "status": "TRADING",
        "baseAsset": item.key.base,
        "baseAssetPrecision": 8,
        "quoteAsset": item.key.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000.00000000", "stepSize": lot},
            {"filterType": "NOTIONAL", "minNotional": _min_notional(item), "applyMinToMarket": True, "maxNotional": "9000000.00000000", "applyMaxToMarket": False},
        ],
        "permissions": ["SPOT"],
    }
    return info if item.key.product == Product.SPOT else info | {"contractType": "PERPETUAL"}


def _coinbase(item: Instrument) -> dict[str, Any]:
    increment, lot = text(1, item.price_decimals), text(1, item.quantity_decimals)
    return {
        "product_id": item.wire,
        "price": "",
        "base_increment": lot,
        "quote_increment": increment,
        "price_increment": increment,
        "quote_min_size": _min_notional(item),
        "quote_max_size": "150000000",
        "base_min_size": lot,
        "base_max_size": "3400",
        "base_name": item.key.base,
        "quote_name": item.key.quote,
        "base_currency_id": item.key.base,
        "quote_currency_id": item.key.quote,
        "display_name": item.wire,
        "product_type": "SPOT",
        "product_venue": "CBE",
        "status": "online",
        "is_disabled": False,
        "trading_disabled": False,
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "auction_mode": False,
        "view_only": False,
        "new": False,
        "alias": "",
        "alias_to": [],
    }


def _exchange(item: Instrument) -> dict[str, Any]:
    return {
        "id": item.wire,
        "base_currency": item.key.base,
        "quote_currency": item.key.quote,
        "quote_increment": text(item.price_increment, item.price_decimals),
        "base_increment": text(item.quantity_increment, item.quantity_decimals),
        "min_market_funds": _min_notional(item),
        "status": "online",
    }


def _gemini(item: Instrument) -> bytes:
    details = {
        "symbol": item.wire,
        "base_currency": item.key.base,
        "quote_currency": item.key.quote,
        "tick_size": text(item.quantity_increment, item.quantity_decimals),
        "quote_increment": text(item.price_increment, item.price_decimals),
        "min_order_size": text(item.min_quantity, item.quantity_decimals),
        "status": "open",
        "product_type": "spot" if item.key.product == Product.SPOT else "swap",
    }
    return msgspec.json.encode(details)


def _min_notional(item: Instrument) -> str:
    return text(item.min_notional, MONEY_DECIMALS)
