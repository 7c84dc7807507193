"""What the operator of an exchange watches, as Prometheus reads it: made of its status at the moment of the scrape.

    polaris_exchange_info{durability,simulated}          1
    polaris_exchange_open                                1 while it takes orders
    polaris_exchange_commands_total                      done, and polaris_exchange_durable_total of them on the disk
    polaris_exchange_backlog                             commands that wait for the disk
    polaris_exchange_orders_alive
    polaris_exchange_clients{dialect}                    connected now
    polaris_exchange_sent_away_total{dialect,reason}     whom it sent away: slow readers, floods, requests that did not end ...
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from polaris.app.http import Response, Server, text
from polaris.app.metrics import CONTENT_TYPE, counter, gauge

About = Callable[[], dict[str, Any]]


class ExchangeCollector(Collector):
    """Turns an exchange's status into families whenever Prometheus asks."""

    def __init__(self, about: About) -> None:
        self._about = about

    def collect(self) -> Iterable[Metric]:
        """Every family, in the order of the module's table."""
        return families(self._about())

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask an exchange that has not opened."""
        return ()


def page(about: About) -> Server:
    """/metrics, /status and /healthz of an exchange; it does not listen yet."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ExchangeCollector(about))
    return Server(
        {
            "/metrics": lambda: Response(generate_latest(registry), CONTENT_TYPE),
            "/status": lambda: Response(json.dumps(about()).encode(), "application/json"),
            "/healthz": lambda: text("ok\n"),
        }
    )


def families(about: dict[str, Any]) -> Iterator[Metric]:
    """What one status says."""
    journal = about["journal"] or {}
    yield gauge("polaris_exchange_info", "The exchange that answers", [({"durability": about["durability"], "simulated": str(about["simulated"]).lower()}, 1)])
    yield gauge("polaris_exchange_open", "Whether it takes orders", [({}, about["state"] == "open")])
    yield counter("polaris_exchange_commands", "Commands done", [({}, about["seq"])])
    yield counter("polaris_exchange_durable", "Commands on the disk", [({}, journal["durable_seq"])] if journal else [])
    yield gauge("polaris_exchange_backlog", "Commands that wait for the disk", [({}, journal["backlog"])] if journal else [])
    yield gauge("polaris_exchange_orders_alive", "Orders in the books and stops beside them", [({}, about["orders_alive"])])
    yield gauge("polaris_exchange_clients", "Connected now", [({"dialect": dialect}, count) for dialect, count in about["clients"].items()])
    gone = [({"dialect": dialect, "reason": why}, count) for dialect, reasons in about["sent_away"].items() for why, count in reasons.items()]
    yield counter("polaris_exchange_sent_away", "Clients sent away, by what for", gone)
