"""The documents against what others wrote down of Coinbase's: every field of theirs is there, of the same type."""

import gzip
import json

import msgspec
import pytest

from polaris.venues.coinbase.documents import DOCUMENTS
from tests.unit.exchange.gateway.coinbase.asked import SECOND, Asker, Here


async def traded(here):
    """An account that has an open order, a filled one and fills."""
    me, other = Asker(here), Asker(here, 2)
    await other.limit("SELL", "0.02", "60000")
    await me.place("BUY", {"market_market_ioc": {"base_size": "0.01"}})
    return me, await me.limit("BUY", "0.01", "50000")


def asks(here, order_id):
    window = {"start": here.clock() // SECOND - 600, "end": here.clock() // SECOND + 600, "granularity": "ONE_MINUTE"}
    return {
        "accounts": ("accounts", {}),
        "candles": ("market/products/BTC-USDT/candles", window),
        "fills": ("orders/historical/fills", {}),
        "order": (f"orders/historical/{order_id}", {}),
        "orders_list": ("orders/historical/batch", {}),
        "product": ("market/products/BTC-USDT", {}),
        "product_book": ("market/product_book", {"product_id": "BTC-USDT"}),
        "products": ("products", {}),
        "ticker": ("market/products/BTC-USDT/ticker", {"limit": 3}),
    }


def lacks(told, recorded, at=""):
    """Where a document lacks a field of a recorded one, or has another type there; null is of any type."""
    if isinstance(recorded, dict) and isinstance(told, dict):
        if at.endswith("order_configuration"):
            return []
        return [each for name, value in recorded.items() for each in (lacks(told[name], value, f"{at}.{name}") if name in told else [f"{at}.{name}"])]
    if isinstance(recorded, list) and isinstance(told, list):
        return lacks(told[0], recorded[0], f"{at}[]") if told and recorded else []
    return [] if None in (told, recorded) or type(told) is type(recorded) else [f"{at}: {type(told).__name__}"]


async def test_every_document_has_the_fields_of_the_recorded_ones(test_data):
    with gzip.open(test_data / "rest/coinbase_messages.json.gz") as file:
        recorded = {name.rpartition("/")[2]: document for name, document in json.load(file).items()}
    async with Here() as here:
        me, order_id = await traded(here)
        for name, (path, query) in asks(here, order_id).items():
            assert lacks(await me.ask("GET", path, **query), recorded[f"http_{name}.json"], name) == []


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("accounts", "accounts"), ("candles", "candles"), ("fills", "fills"), ("order", "order"), ("orders_list", "orders"), ("product", "product"),
        ("product_book", "book"), ("products", "products"), ("ticker", "trades"),
    ],
)  # fmt: skip
async def test_every_document_is_read_by_our_own_reader_of_coinbases(name, document):
    async with Here() as here:
        me, order_id = await traded(here)
        path, query = asks(here, order_id)[name]
        told = await me.ask("GET", path, **query)
        assert me.status == 200
        msgspec.convert(told, DOCUMENTS[document])
