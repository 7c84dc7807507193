"""What an account may ask of itself, and what clients ask at their start of a venue's wallet.

Source: Binance spot API documentation, "Account endpoints"; "Wallet" (capital/config/getall, system/status, asset/tradeFee).
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from polaris.exchange.gateway.binance import errors, reports
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.call import Call, encode
from polaris.exchange.gateway.binance.security import Need
from polaris.exchange.gateway.binance.server import BinanceServer, Endpoint
from polaris.exchange.gateway.keys import READ, TRADE
from polaris.exchange.gateway.venue import Venue

BASIS_POINT: Final = 100  # ppm


class Account:
    """The account endpoints of a venue."""

    def __init__(self, venue: Venue, server: BinanceServer, books: Books) -> None:
        self._venue = venue
        self._server = server
        self._books = books

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `BinanceServer.add`."""
        yield Endpoint(self.account, rest=("GET /api/v3/account",), socket="account.status", weight=20, need=Need.READ)
        yield Endpoint(self.commission, rest=("GET /api/v3/account/commission",), socket="account.commission", weight=20, need=Need.READ)
        yield Endpoint(self.order_counts, rest=("GET /api/v3/rateLimit/order",), socket="account.rateLimits.orders", weight=40, need=Need.READ)
        yield Endpoint(self.system, rest=("GET /sapi/v1/system/status", "GET /wapi/v3/systemStatus.html"))
        yield Endpoint(self.coins, rest=("GET /sapi/v1/capital/config/getall",), weight=10, need=Need.READ)
        yield Endpoint(self.fees, rest=("GET /sapi/v1/asset/tradeFee",), need=Need.READ)
        yield Endpoint(self.user_asset, rest=("POST /sapi/v3/asset/getUserAsset",), weight=5, need=Need.READ)
        yield Endpoint(self.trading_status, rest=("GET /sapi/v1/account/apiTradingStatus",), need=Need.READ)
        yield Endpoint(self.account_status, rest=("GET /sapi/v1/account/status",), need=Need.READ)
        yield Endpoint(self.restrictions, rest=("GET /sapi/v1/account/apiRestrictions",), need=Need.READ)
        yield Endpoint(lambda _: b"[]", rest=("GET /sapi/v1/margin/allPairs", "GET /sapi/v1/margin/isolated/allPairs"), need=Need.KEY)

    def account(self, call: Call) -> None:
        """Balances, fees and rights, after everything asked before."""
        empty = call.flag("omitZeroBalances")
        maker, taker = self._rates(call.account)

        def answer(balances: Any) -> Any:
            told = [
                {"asset": asset.name, "free": reports.units(asset.decimals, int(free)), "locked": reports.units(asset.decimals, int(locked))}
                for asset, (free, locked) in zip(self._venue.rules.assets, balances, strict=True)
                if not empty or free or locked
            ]
            trades = call.key is not None and TRADE in call.key.scopes
            return {
                "makerCommission": maker // BASIS_POINT,
                "takerCommission": taker // BASIS_POINT,
                "buyerCommission": 0,
                "sellerCommission": 0,
                "commissionRates": {"maker": reports.rate(maker), "taker": reports.rate(taker), "buyer": reports.rate(0), "seller": reports.rate(0)},
                "canTrade": trades,
                "canWithdraw": False,
                "canDeposit": False,
                "brokered": False,
                "requireSelfTradePrevention": False,
                "preventSor": False,
                "updateTime": call.time(self._venue.now()),
                "accountType": "SPOT",
                "balances": told,
                "permissions": ["SPOT"],
                "uid": call.account,
            }

        self._balances(call, answer)

    def commission(self, call: Call) -> bytes:
        """What a trade of one book costs."""
        _, figures = self._books.find(call)
        maker, taker = self._rates(call.account)
        none = {name: reports.rate(0) for name in ("maker", "taker", "buyer", "seller")}
        return encode(
            {
                "symbol": figures.symbol,
                "standardCommission": {**none, "maker": reports.rate(maker), "taker": reports.rate(taker)},
                "specialCommission": none,
                "taxCommission": none,
                "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": None, "discount": reports.rate(0)},
            }
        )

    def order_counts(self, call: Call) -> bytes:
        """How many unfilled orders it placed in these ten seconds and this day."""
        return encode(self._server.orders.documents(call.account, self._venue.now()))

    # the wallet

    def system(self, call: Call) -> bytes:
        """Whether the venue takes orders."""
        refuses = self._venue.refuses
        return encode({"status": 1 if refuses else 0, "msg": refuses or "normal"})

    def coins(self, call: Call) -> None:
        """Every asset, with what the account has of it; none of them leaves this venue."""

        self._balances(call, lambda balances: [self._coin(number, *balances[number]) for number in range(len(self._venue.rules.assets))])

    def fees(self, call: Call) -> bytes:
        """The fees of one book or all."""
        book = self._books.find_or_all(call)
        maker, taker = self._rates(call.account)
        shown = self._books.figures if book < 0 else [self._books.figures[book]]
        return encode([{"symbol": each.symbol, "makerCommission": reports.rate(maker), "takerCommission": reports.rate(taker)} for each in shown])

    def user_asset(self, call: Call) -> None:
        """What the account has, as the wallet tells it."""

        def answer(balances: Any) -> Any:
            told = []
            for asset, (free, locked) in zip(self._venue.rules.assets, balances, strict=True):
                if free or locked:
                    amounts = {"free": int(free), "locked": int(locked), "freeze": 0, "withdrawing": 0, "ipoable": 0}
                    told.append({"asset": asset.name, **{name: reports.units(asset.decimals, amount) for name, amount in amounts.items()}, "btcValuation": "0"})
            return told

        self._balances(call, answer)

    def trading_status(self, call: Call) -> bytes:
        return encode({"data": {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": {}, "updateTime": 0}})

    def account_status(self, call: Call) -> bytes:
        return encode({"data": "Normal"})

    def restrictions(self, call: Call) -> bytes:
        """What this key may."""
        key = call.key
        assert key is not None
        trades = TRADE in key.scopes
        no = ("enableWithdrawals", "enableInternalTransfer", "enableMargin", "enableFutures", "permitsUniversalTransfer", "enableVanillaOptions")
        told: dict[str, Any] = {"ipRestrict": bool(key.addresses), "createTime": call.time(key.created), "enableReading": READ in key.scopes}
        return encode({**told, "enableSpotAndMarginTrading": trades, **dict.fromkeys(no, False)})

    def _balances(self, call: Call, answer: Callable[[Any], Any]) -> None:
        """Answer from the account's balances, int64[assets, 2], as they are after everything asked before."""

        def result(balances: Any) -> Any:
            if balances is None:
                raise errors.overloaded()
            return answer(balances)

        self._venue.read(lambda: np.array(self._venue.core.balances(call.account)), lambda balances: call.settle(lambda: result(balances)))

    def _coin(self, number: int, free: Any, locked: Any) -> dict[str, Any]:
        asset = self._venue.rules.assets[number]
        amounts = {"free": int(free), "locked": int(locked), "freeze": 0, "withdrawing": 0, "ipoing": 0, "ipoable": 0, "storage": 0}
        told = {name: reports.units(asset.decimals, amount) for name, amount in amounts.items()}
        no = ("depositAllEnable", "withdrawAllEnable", "isLegalMoney")
        return {"coin": asset.name, "name": asset.name, **told, **dict.fromkeys(no, False), "trading": True, "networkList": []}

    def _rates(self, account: int) -> tuple[int, int]:
        """(maker, taker) of an account, ppm."""
        return self._venue.core.fees(account)
