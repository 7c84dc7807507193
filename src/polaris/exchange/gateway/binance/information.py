"""exchangeInfo and executionRules: what is listed, what an order of it may be, at what prices it may trade, and how much may be asked.

Every rule told here is one the venue enforces, and every one it enforces on all alike is told; one it does not have is left out, as
Binance leaves it out. A price band refuses no order but ends those that would trade beyond it: it is an execution rule, no filter.
Source: Binance spot API documentation, "Exchange information", "Filters", "Enums", "Price Range Execution Rule".
"""

from collections.abc import Collection
from typing import Any, Final

from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.wanted import MOST_TRAIL
from polaris.exchange.listing import Rules
from polaris.exchange.words import AUCTION, CLOSED, CONTINUOUS, HALTED, MAX_SLICES, MAX_UNITS, TICKS

ORDER_TYPES: Final = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
PREVENTION_MODES: Final = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
STATUSES: Final = {CONTINUOUS: "TRADING", AUCTION: "AUCTION_MATCH", HALTED: "HALT", CLOSED: "BREAK"}
PERMISSIONS: Final = frozenset({"SPOT", "MARGIN", "LEVERAGED"})
ONE: Final = 1_000_000  # ppm


def information(
    rules: Rules, figures: Collection[Figures], phases: dict[str, int], limits: list[dict[str, Any]], server_time: int, permission_sets: bool
) -> dict[str, Any]:
    """The document of these books.

    phases  symbol -> phase
    limits  rateLimits
    """
    return {
        "timezone": "UTC",
        "serverTime": server_time,
        "rateLimits": limits,
        "exchangeFilters": [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders}] if rules.max_orders else [],
        "symbols": [_symbol(each, phases[each.symbol], permission_sets) for each in figures],
    }


def execution_rules(figures: Collection[Figures]) -> dict[str, Any]:
    """The document of how far from the reference price, the last trade's, these books trade."""
    return {"symbolRules": [{"symbol": each.symbol, "rules": _price_range(each.listing.band_ppm)} for each in figures]}


def _price_range(band_ppm: int) -> list[dict[str, str]]:
    if not band_ppm:
        return []
    up, down = _multiplier(ONE + band_ppm), _multiplier(ONE - band_ppm)
    return [{"ruleType": "PRICE_RANGE", "bidLimitMultUp": up, "bidLimitMultDown": down, "askLimitMultUp": up, "askLimitMultDown": down}]


def _symbol(figures: Figures, phase: int, permission_sets: bool) -> dict[str, Any]:
    listing = figures.listing
    return {
        "symbol": figures.symbol,
        "status": STATUSES[phase],
        "baseAsset": listing.base.name,
        "baseAssetPrecision": figures.base_decimals,
        "quoteAsset": listing.quote.name,
        "quotePrecision": figures.quote_decimals,
        "quoteAssetPrecision": figures.quote_decimals,
        "baseCommissionPrecision": figures.base_decimals,
        "quoteCommissionPrecision": figures.quote_decimals,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(figures),
        "permissions": [],
        **({"permissionSets": [["SPOT"]]} if permission_sets else {}),
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": PREVENTION_MODES,
    }


def filters(figures: Figures) -> list[dict[str, Any]]:
    """What an order of this book must keep to. A market order is worth what it is at the last trade."""
    listing = figures.listing
    least, most, step = (figures.quantity(lots) for lots in (listing.min_lots, listing.max_lots, 1))
    dearest = min((listing.lowest + TICKS - 1) * listing.max_lots, MAX_UNITS // listing.value)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": figures.price(listing.lowest),
            "maxPrice": figures.price(listing.lowest + TICKS - 1),
            "tickSize": figures.price(1),
        },
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": MAX_SLICES},
        {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": step},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 1,
            "maxTrailingAboveDelta": MOST_TRAIL,
            "minTrailingBelowDelta": 1,
            "maxTrailingBelowDelta": MOST_TRAIL,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": figures.amount(-(-listing.min_units // listing.value)),
            "applyMinToMarket": True,
            "maxNotional": figures.amount(dearest),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
    ]


def _multiplier(ppm: int) -> str:
    whole, part = divmod(ppm, ONE)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")
