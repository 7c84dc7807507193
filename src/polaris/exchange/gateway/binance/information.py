"""exchangeInfo: what is listed, what an order of it may be, and how much may be asked.

Every rule told here is one the core enforces; one it does not have is left out, as Binance leaves it out.
Source: Binance spot API documentation, "Exchange information", "Filters", "Enums".
"""

from collections.abc import Collection
from typing import Any, Final

from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.listing import Rules
from polaris.exchange.words import AUCTION, CLOSED, CONTINUOUS, HALTED, MAX_SLICES, TICKS

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
        "exchangeFilters": [],
        "symbols": [_symbol(rules, each, phases[each.symbol], permission_sets) for each in figures],
    }


def _symbol(rules: Rules, figures: Figures, phase: int, permission_sets: bool) -> dict[str, Any]:
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
        "filters": filters(rules, figures),
        "permissions": [],
        **({"permissionSets": [["SPOT"]]} if permission_sets else {}),
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": PREVENTION_MODES,
    }


def filters(rules: Rules, figures: Figures) -> list[dict[str, Any]]:
    """What an order of this book must keep to."""
    listing = figures.listing
    least, most, step = (figures.quantity(lots) for lots in (listing.min_lots, listing.max_lots, 1))
    told: list[dict[str, Any]] = [
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
            "maxTrailingAboveDelta": 9_999,
            "minTrailingBelowDelta": 1,
            "maxTrailingBelowDelta": 9_999,
        },
    ]
    if listing.band_ppm:
        up, down = _multiplier(ONE + listing.band_ppm), _multiplier(ONE - listing.band_ppm)
        told.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": up,
                "bidMultiplierDown": down,
                "askMultiplierUp": up,
                "askMultiplierDown": down,
                "avgPriceMins": 0,  # of the last price
            }
        )
    if listing.min_units:
        told.append(
            {
                "filterType": "NOTIONAL",
                "minNotional": figures.amount(-(-listing.min_units // listing.value)),
                "applyMinToMarket": False,
                "maxNotional": figures.amount((listing.lowest + TICKS - 1) * listing.max_lots),
                "applyMaxToMarket": False,
                "avgPriceMins": 0,
            }
        )
    if rules.max_orders:
        told.append({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders})
    return told


def _multiplier(ppm: int) -> str:
    whole, part = divmod(ppm, ONE)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")
