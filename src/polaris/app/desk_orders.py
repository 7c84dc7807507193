"""The desk's orders at venues that gave it a key, put together: who asks, who listens, who carries, who compares.

    keys ─▶ OrderEntry a venue ─┐
            PrivateSession ─────┼─▶ Courier ─▶ REPORT rows ─▶ the log
                                └─▶ Reconciliation ─▶ Balances events, and orders held back
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from polaris.app.compose import LoggedDesk
from polaris.app.courier import Courier
from polaris.app.market import Market
from polaris.app.reconciliation import Reconciliation
from polaris.app.settings import AccountsSettings
from polaris.app.status import NEVER, OrderVenueStatus
from polaris.venues import registry
from polaris.venues.ordering import OrderEntry
from polaris.venues.private_session import PrivateSession
from polaris.venues.throttle import Throttle

ORDERS_A_SECOND: Final = 1_000  # requests to a venue of our own: its loop is busier by then than ours


class DeskOrders:
    """Everything between a running desk and its orders' venues. `begin` it once, `run` it, `close` it."""

    def __init__(self, source: Market, desk: LoggedDesk, clock: Callable[[], int], settings: AccountsSettings) -> None:
        instruments = desk.desk.instruments
        self.source, self.desk, self.clock = source, desk, clock
        self.entries: dict[str, OrderEntry] = {}
        for name, key in source.keys.items():
            orders = registry.venue(name).orders
            assert orders is not None
            self.entries[name] = OrderEntry(orders(instruments, key), source.endpoints[name].rest_url, Throttle(ORDERS_A_SECOND, ORDERS_A_SECOND), clock=clock)
        latencies = desk.latencies
        self.courier = Courier(
            self.entries,
            instruments,
            str(desk.began),
            desk.take,
            clock,
            answered=latencies["round_trip"].record,
            executed=latencies["fill_told"].record,
            check_s=settings.check_ns / 1e9,
        )
        self.streams: dict[str, PrivateSession] = {}
        for name, key in source.keys.items():
            private = registry.venue(name).private
            if private is not None:  # else it is asked
                self.streams[name] = PrivateSession(private(instruments, key), source.endpoints[name], instruments, partial(self.courier.heard, name), clock=clock)
        self.courier.streams.update(self.streams)
        self.accounts = Reconciliation(self.courier, instruments, lambda: desk.desk.positions, desk.tell, clock, every_ns=settings.balances_ns, dust=settings.dust)
        desk.on_records += [self.courier.hear, self.accounts.hear]

    def begin(self, directory: Path) -> None:
        """Take over what an earlier run of this log left: its orders, and what its accounts held."""
        orders = self.desk.desk.orders
        if self.source.remembers:
            self.accounts.remember(directory)
            self.courier.resume(orders)
        else:
            self.courier.lapse(orders)

    async def run(self) -> None:
        """Until cancelled. Raises what an error of ours raised."""
        works: list[Any] = [self.courier.run(), self.accounts.run(), *(stream.run() for stream in self.streams.values())]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Let go of connections."""
        for entry in self.entries.values():
            await entry.close()

    def status(self, now: int) -> tuple[OrderVenueStatus, ...]:
        """How each venue is."""
        return tuple(self._venue(name, now) for name in self.entries)

    def _venue(self, name: str, now: int) -> OrderVenueStatus:
        stream, account = self.streams.get(name), self.accounts.accounts[name]
        return OrderVenueStatus(
            name=name,
            listening=name in self.courier.listening,
            stream=stream.reason if stream else "it has none: orders are asked for",
            reconnects=max(0, stream.session.connects - 1) if stream else 0,
            missed=stream.feed.stats.gaps if stream else 0,
            agrees=account.agrees is True,
            compared_age_ns=now - account.compared_ns if account.compared_ns else NEVER,
            balances={asset: format(amount.normalize(), "f") for asset, amount in account.held.items()},
            differences={asset: format(amount.normalize(), "+f") for asset, amount in account.differences.items()},
            held=self.courier.held.get(name, ""),
        )
