"""What an account may ask of itself: its balances, its fees, what its key may.

Source: Coinbase Advanced Trade API documentation, "Accounts", "Fees", "Data API".
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from polaris.exchange.gateway.coinbase import errors
from polaris.exchange.gateway.coinbase.call import Call
from polaris.exchange.gateway.coinbase.figures import money, rate
from polaris.exchange.gateway.coinbase.names import account_name, account_of, user_name
from polaris.exchange.gateway.coinbase.products import FIAT, Products
from polaris.exchange.gateway.coinbase.server import ROOT, Endpoint
from polaris.exchange.gateway.coinbase.times import written
from polaris.exchange.gateway.keys import READ, TRADE
from polaris.exchange.gateway.venue import Venue
from polaris.exchange.marketdata.rows import DAY

MOST: Final = 250
DEFAULT: Final = 49
MONTH: Final = 30 * DAY


class Account:
    """The account endpoints of a venue."""

    def __init__(self, venue: Venue, products: Products) -> None:
        self._venue = venue
        self._products = products

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `CoinbaseServer.add`."""
        yield Endpoint(self.accounts, f"GET {ROOT}/accounts", READ)
        yield Endpoint(self.account, f"GET {ROOT}/accounts/{{account_uuid}}", READ)
        yield Endpoint(self.wallets, "GET /v2/accounts", READ)
        yield Endpoint(self.summary, f"GET {ROOT}/transaction_summary", READ)
        yield Endpoint(self.permissions, f"GET {ROOT}/key_permissions", READ)

    def accounts(self, call: Call) -> None:
        """One account an asset, after everything asked before."""
        limit, cursor, assets = call.integer("limit", DEFAULT, MOST) or DEFAULT, call.text("cursor", "0"), len(self._venue.rules.assets)
        if not cursor.isdigit() or len(cursor) > 9:
            raise errors.invalid(f"cursor is {cursor[:40]!r}; expected one of an answer")
        start = int(cursor)
        end = min(start + limit, assets)

        def answer(balances: Any) -> Any:
            told = [self._account(call.account, asset, balances[asset]) for asset in range(start, end)]
            return {"accounts": told, "has_next": end < assets, "cursor": str(end) if end < assets else "", "size": len(told)}

        self._balances(call, answer)

    def account(self, call: Call) -> None:
        """One asset's account."""
        named = account_of(call.named["account_uuid"])
        if named is None or named[0] != call.account or named[1] >= len(self._venue.rules.assets):
            raise errors.not_found("there is no such account")
        asset = named[1]
        self._balances(call, lambda balances: {"account": self._account(call.account, asset, balances[asset])})

    def wallets(self, call: Call) -> None:
        """The accounts as the older API tells them: each with its whole balance, what is held with it."""

        def answer(balances: Any) -> Any:
            told = []
            for number, asset in enumerate(self._venue.rules.assets):
                about = {"code": asset.name, "name": asset.name, "exponent": asset.decimals, "type": "fiat" if asset.name in FIAT else "crypto"}
                balance = {"amount": money(asset, int(balances[number].sum())), "currency": asset.name}
                account = {"id": account_name(call.account, number), "name": f"{asset.name} Wallet", "primary": number == 0, "type": "wallet"}
                told.append({**account, "currency": about, "balance": balance, "created_at": written(0), "updated_at": written(0), "resource": "account"})
            return {"pagination": {"limit": MOST, "order": "desc", "next_uri": None, "previous_uri": None}, "data": told}

        self._balances(call, answer)

    def summary(self, call: Call) -> Any:
        """Fees, and what was traded in thirty days as far as it is kept, in the quotes of its books."""
        maker, taker = self._venue.core.fees(call.account)
        since = call.received - MONTH
        volume = fees = 0.0
        for book, figures in enumerate(self._products.figures):
            recent = [trade for trade in self._venue.register.trades(call.account, book) if trade.ts >= since]
            volume += float(figures.amount(sum(trade.price * trade.lots for trade in recent)))
            fees += float(figures.fees(recent))
        tier = {"pricing_tier": "", "taker_fee_rate": rate(taker), "maker_fee_rate": rate(maker), "aop_from": "", "aop_to": "", "usd_from": "", "usd_to": ""}
        return {
            "total_volume": volume,
            "total_fees": fees,
            "fee_tier": tier,
            "margin_rate": None,
            "goods_and_services_tax": None,
            "advanced_trade_only_volume": volume,
            "advanced_trade_only_fees": fees,
            "coinbase_pro_volume": 0.0,
            "coinbase_pro_fees": 0.0,
            "total_balance": "",
            "has_promo_fee": False,
        }

    def permissions(self, call: Call) -> Any:
        """What this key may."""
        assert call.key is not None
        return {
            "can_view": READ in call.key.scopes,
            "can_trade": TRADE in call.key.scopes,
            "can_transfer": False,
            "portfolio_uuid": user_name(call.account),
            "portfolio_type": "DEFAULT",
        }

    def _balances(self, call: Call, answer: Callable[[Any], Any]) -> None:
        """Answer from the account's balances, int64[assets, 2], as they are after everything asked before."""

        def result(balances: Any) -> Any:
            if balances is None:
                raise errors.unavailable(self._venue.refuses)
            return answer(balances)

        self._venue.read(lambda: np.array(self._venue.core.balances(call.account)), lambda balances: call.settle(lambda: result(balances)))

    def _account(self, account: int, number: int, balance: Any) -> dict[str, Any]:
        asset = self._venue.rules.assets[number]
        free, locked = (money(asset, int(units)) for units in balance)
        return {
            "uuid": account_name(account, number),
            "name": f"{asset.name} Wallet",
            "currency": asset.name,
            "available_balance": {"value": free, "currency": asset.name},
            "default": number == 0,
            "active": True,
            "created_at": written(0),
            "updated_at": written(0),
            "deleted_at": None,
            "type": "ACCOUNT_TYPE_FIAT" if asset.name in FIAT else "ACCOUNT_TYPE_CRYPTO",
            "ready": True,
            "hold": {"value": locked, "currency": asset.name},
            "retail_portfolio_id": user_name(account),
            "platform": "ACCOUNT_PLATFORM_CONSUMER",
        }
