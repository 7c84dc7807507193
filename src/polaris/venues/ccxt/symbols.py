"""A venue's spot markets, as ccxt reads its documents, as instruments."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from polaris.domain.errors import BadMessage, UnknownSymbol, UnreadableNumber
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import MONEY_DECIMALS, decimals_of, scaled
from polaris.venues.ccxt.dialect import Market, library, markets_from
from polaris.venues.ccxt.tail import Tail
from polaris.venues.rest import Rest

MOST_DOCUMENTS: Final = 8


async def markets(tail: Tail, rest: Rest) -> list[Market]:
    """The venue's markets, from its documents. `rest` is at the venue's host. Raises BadMessage where it does not tell."""
    documents: dict[str, bytes] = {}
    for _ in range(MOST_DOCUMENTS):
        found = markets_from(tail, documents)
        if not isinstance(found, str):
            return found
        if not found.startswith(f"{tail.url}/"):
            raise BadMessage(tail.name, f"its markets are told by {found.partition('?')[0]}, not by {tail.url}")
        answer = await rest.get(found.removeprefix(tail.url))
        if answer.status != 200:
            raise BadMessage(tail.name, f"{found.partition('?')[0]} answers with status {answer.status}", answer.body)
        documents[found] = answer.body
    raise BadMessage(tail.name, f"its markets take more than {MOST_DOCUMENTS} documents")


def instruments(tail: Tail, markets: Sequence[Market], wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these symbols, with ids from `first` on. Raises UnknownSymbol, BadMessage."""
    spot = {str(market["id"]): market for market in markets if market.get("spot")}
    for wire in wires:
        if wire not in spot:
            raise UnknownSymbol(wire, sorted(spot), tail.name)
    places = getattr(library(), tail.ccxt)().precisionMode == library().DECIMAL_PLACES
    return [_instrument(tail, spot[wire], first + place, places) for place, wire in enumerate(wires)]


def _instrument(tail: Tail, market: Market, number: int, places: bool) -> Instrument:
    try:
        price, quantity = (_step(market["precision"][of], places) for of in ("price", "amount"))
        price_decimals, quantity_decimals = decimals_of(price), decimals_of(quantity)
        least, cost = ((market["limits"].get(of) or {}).get("min") for of in ("amount", "cost"))
        step = scaled(quantity, quantity_decimals)
        return Instrument(
            id=InstrumentId(number),
            key=Key(tail.name, Product.SPOT, market["base"], market["quote"]),
            wire=market["id"],
            price_decimals=price_decimals,
            quantity_decimals=quantity_decimals,
            price_increment=scaled(price, price_decimals),
            quantity_increment=step,
            min_quantity=max(step, _up(least, quantity_decimals)),
            min_notional=_up(cost, MONEY_DECIMALS),
        )
    except (KeyError, TypeError, AttributeError, UnreadableNumber) as cause:
        raise BadMessage(tail.name, f"market {market.get('id')!r} without its steps: {type(cause).__name__}: {cause}") from cause


def _step(precision: Any, places: bool) -> str:
    """The step of a price or a quantity: ccxt tells it as such, or as a number of decimals."""
    if not isinstance(precision, str):
        raise TypeError(f"precision {precision!r}")
    return f"1e-{int(precision)}" if places else precision


def _up(text: str | None, decimals: int) -> int:
    """A least amount, rounded up; 0 where the venue has none."""
    return 0 if text is None else int(Decimal(text).scaleb(decimals).to_integral_value(ROUND_CEILING))
