"""Metrics: the status of the desk as Prometheus reads it, made at the moment of the scrape.

Nothing is counted twice: the desk keeps its own counts, and a scrape reads the same `Status` that the screen draws. So
a metric costs the trading loop nothing between scrapes.

    polaris_info{version,mode,market}                    1
    polaris_up_seconds                                   since the start
    polaris_trading{state}                               1 for the state the desk is in, 0 for the others
    polaris_venue_connected{venue}                       1 or 0
    polaris_frames_total / _bytes_total{venue}           received
    polaris_venue_age_seconds{venue}                     since the last frame; absent before the first
    polaris_reconnects_total / polaris_bad_messages_total{venue}
    polaris_book_state{instrument,state}                 1 for the state the book is in, 0 for the others
    polaris_book_age_seconds{instrument}                 since the last update; absent before the first
    polaris_gaps_total / _resyncs_total / _checksum_failures_total{instrument}
    polaris_latency_seconds{stage}                       histogram, exact at powers of two
    polaris_rows_total  polaris_forecasts_total  polaris_decisions_total  polaris_orders_total  polaris_fills_total
    polaris_cancels_total  polaris_orders_working
    polaris_refusals_total{reason}
    polaris_forecast_bps{instrument}  polaris_position{instrument}  polaris_position_notional{instrument}
    polaris_orders_in_doubt  polaris_order_troubles_total  polaris_order_stream_mutes_total
    polaris_order_stream_listening / _reconnects_total / _missed_total{venue}
    polaris_orders_held{venue}  polaris_balances_agree{venue}  polaris_balances_age_seconds{venue}
    polaris_balance_difference{venue,asset}              what an account holds beyond what the desk expects
    polaris_equity  polaris_cash  polaris_profit_day  polaris_fees_total  polaris_drawdown_ratio (and _max)
    polaris_ensemble_weight{alpha}  polaris_ensemble_brier
    polaris_log_seq  polaris_log_durable_seq  polaris_log_lag_seconds  polaris_log_bytes
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from polaris.app.http import Response, Server, text
from polaris.app.latency import EDGES_NS
from polaris.app.status import NEVER, Status, to_json
from polaris.domain.market import BOOK_STATE_NAMES
from polaris.domain.orders import TRADING_NAMES

GetStatus = Callable[[], Status]
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class DeskCollector(Collector):
    """Turns one Status into metric families whenever Prometheus asks."""

    def __init__(self, get_status: GetStatus) -> None:
        self.get_status = get_status

    def collect(self) -> Iterable[Metric]:
        """Every family, in the order of the module's table."""
        status = self.get_status()
        yield from _desk(status)
        yield from _venues(status)
        yield from _instruments(status)
        yield from _feeds(status)
        yield from _latency(status)
        yield from _trading(status)
        yield from _log(status)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering the collector must not ask a desk that has not started."""
        return ()


def registry_of(get_status: GetStatus) -> CollectorRegistry:
    """A registry of its own, so that two desks in one process do not meet."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DeskCollector(get_status))
    return registry


async def serve(host: str, port: int, get_status: GetStatus, registry: CollectorRegistry | None = None) -> Server:
    """Answer /metrics, /status and /healthz; `port` 0 takes a free one, which `Server.port` then names.

    raises  Unavailable where the port is taken
    """
    chosen = registry or registry_of(get_status)
    return await Server.start(
        host,
        port,
        {
            "/metrics": lambda: Response(generate_latest(chosen), CONTENT_TYPE),
            "/status": lambda: Response(to_json(get_status()), "application/json"),
            "/healthz": lambda: text("ok\n"),
        },
    )


def _desk(status: Status) -> Iterator[Metric]:
    yield gauge("polaris_info", "The desk that answers", [({"version": status.version, "mode": status.mode, "market": status.market}, 1)])
    yield gauge("polaris_up_seconds", "Since the start", [({}, (status.now_ns - status.started_ns) / 1e9)])
    yield gauge("polaris_trading", "The trading state the desk is in", [({"state": name}, name == status.trading) for name in TRADING_NAMES])


def _venues(status: Status) -> Iterator[Metric]:
    venues = [({"venue": venue.name}, venue) for venue in status.venues]
    yield gauge("polaris_venue_connected", "Whether the socket is open", [(labels, venue.connected) for labels, venue in venues])
    yield gauge("polaris_venue_age_seconds", "Since the last frame", [(labels, venue.age_ns / 1e9) for labels, venue in venues if venue.age_ns != NEVER])
    yield counter("polaris_frames", "Frames received", [(labels, venue.frames) for labels, venue in venues])
    yield counter("polaris_bytes", "Bytes received", [(labels, venue.bytes) for labels, venue in venues])
    yield counter("polaris_reconnects", "Sockets opened again", [(labels, venue.reconnects) for labels, venue in venues])
    yield counter("polaris_bad_messages", "Frames that could not be read", [(labels, venue.bad_messages) for labels, venue in venues])


def _instruments(status: Status) -> Iterator[Metric]:
    books = [({"instrument": book.symbol}, book) for book in status.instruments]
    yield gauge(
        "polaris_book_state",
        "The state the book is in",
        [(labels | {"state": name.lower()}, name == book.state) for labels, book in books for name in BOOK_STATE_NAMES],
    )
    yield gauge("polaris_book_age_seconds", "Since the last update", [(labels, book.age_ns / 1e9) for labels, book in books if book.age_ns != NEVER])
    yield counter("polaris_gaps", "Missing frames seen", [(labels, book.gaps) for labels, book in books])
    yield counter("polaris_resyncs", "Books built anew", [(labels, book.resyncs) for labels, book in books])
    yield counter("polaris_checksum_failures", "Books the venue's checksum disowned", [(labels, book.checksums_failed) for labels, book in books])
    yield gauge("polaris_forecast_bps", "Expected return of the ensemble", [(labels, book.forecast_bps) for labels, book in books])
    yield gauge("polaris_position", "Held, base currency, signed", [(labels, float(book.position)) for labels, book in books])
    yield gauge("polaris_position_notional", "Held, at the mid, signed", [(labels, float(book.notional)) for labels, book in books])


def _feeds(status: Status) -> Iterator[Metric]:
    feeds = [({"instrument": feed.symbol}, feed) for feed in status.feeds]
    yield gauge("polaris_feed_messages", "Updates and trades in the last second", [(labels, feed.messages) for labels, feed in feeds])
    yield gauge(
        "polaris_feed_offset_seconds",
        "Our clock when it came minus the venue's when it happened",
        [(labels | {"quantile": name}, ns / 1e9) for labels, feed in feeds for name, ns in (("0.5", feed.offset_p50_ns), ("0.99", feed.offset_p99_ns))],
    )
    yield gauge("polaris_feed_stale_seconds", "Since the last update or trade", [(labels, feed.stale_ns / 1e9) for labels, feed in feeds if feed.stale_ns != NEVER])
    yield gauge("polaris_feed_crossed_seconds", "How long of the last second the book stood crossed", [(labels, feed.crossed_ns / 1e9) for labels, feed in feeds])


def _latency(status: Status) -> Iterator[Metric]:
    family = HistogramMetricFamily("polaris_latency_seconds", "How long a stage takes", labels=["stage"])
    for stage in status.latency:
        buckets = [(f"{edge / 1e9:.9f}", count) for edge, count in zip(EDGES_NS, stage.buckets, strict=True)]
        family.add_metric([stage.stage], [*buckets, ("+Inf", stage.count)], stage.sum_ns / 1e9)
    yield family


def _trading(status: Status) -> Iterator[Metric]:
    counts, account = status.counts, status.account
    yield counter("polaris_rows", "Rows of market data", [({}, counts.rows)])
    yield counter("polaris_forecasts", "Forecasts made", [({}, counts.forecasts)])
    yield counter("polaris_decisions", "Targets changed", [({}, counts.decisions)])
    yield counter("polaris_orders", "Orders sent", [({}, counts.orders)])
    yield counter("polaris_fills", "Fills", [({}, counts.fills)])
    yield counter("polaris_cancels", "Cancels sent", [({}, counts.cancels)])
    yield counter("polaris_refusals", "Orders the gate refused", [({"reason": reason}, count) for reason, count in counts.refusals.items()])
    yield gauge("polaris_orders_working", "Orders at the venue now", [({}, counts.working)])
    yield gauge("polaris_orders_in_doubt", "Orders nobody knows the fate of", [({}, counts.in_doubt)])
    yield counter("polaris_order_troubles", "Questions about orders that a venue did not answer", [({}, counts.troubles)])
    yield counter("polaris_order_stream_mutes", "User streams that were open and did not tell", [({}, counts.mutes)])
    at = [({"venue": venue.name}, venue) for venue in status.orders_at]
    yield gauge("polaris_order_stream_listening", "Whether the venue's own stream tells of our orders", [(labels, venue.listening) for labels, venue in at])
    yield counter("polaris_order_stream_reconnects", "User streams opened again", [(labels, venue.reconnects) for labels, venue in at])
    yield counter("polaris_order_stream_missed", "Breaks of a user stream", [(labels, venue.missed) for labels, venue in at])
    yield gauge("polaris_orders_held", "Whether new orders to the venue are held back", [(labels, bool(venue.held)) for labels, venue in at])
    yield gauge("polaris_balances_agree", "Whether the account holds what the desk's fills make of it", [(labels, venue.agrees) for labels, venue in at])
    yield gauge("polaris_balances_age_seconds", "Since they were compared", [(labels, venue.compared_age_ns / 1e9) for labels, venue in at if venue.compared_age_ns != NEVER])
    yield gauge(
        "polaris_balance_difference",
        "Held minus expected, in units of the asset; 0 within dust",
        [(labels | {"asset": asset}, float(venue.differences.get(asset, "0"))) for labels, venue in at for asset in venue.balances],
    )
    yield gauge("polaris_equity", "Cash and positions at the mid", [({}, float(account.equity))])
    yield gauge("polaris_cash", "Cash", [({}, float(account.cash))])
    yield gauge("polaris_profit_day", "Since midnight UTC, fees paid", [({}, float(account.day_profit))])
    yield counter("polaris_fees", "Fees paid", [({}, float(account.fees))])
    yield gauge("polaris_drawdown_ratio", "Below the highest equity", [({}, account.drawdown)])
    yield gauge("polaris_drawdown_max_ratio", "The deepest drawdown", [({}, account.max_drawdown)])
    yield gauge("polaris_ensemble_weight", "Weight of an alpha", [({"alpha": alpha}, weight) for alpha, weight in status.ensemble.weights.items()])
    yield gauge("polaris_ensemble_brier", "Mean squared error of the ensemble's probabilities", [({}, status.ensemble.brier)])


def _log(status: Status) -> Iterator[Metric]:
    yield gauge("polaris_log_seq", "Last event written", [({}, status.log.seq)])
    yield gauge("polaris_log_durable_seq", "Last event on the disk", [({}, status.log.durable_seq)])
    yield gauge("polaris_log_lag_seconds", "Age of the oldest event not yet on the disk", [({}, status.log.lag_ns / 1e9)])
    yield gauge("polaris_log_bytes", "Size of the log", [({}, status.log.bytes)])


Samples = list[tuple[dict[str, str], float]]


def gauge(name: str, meaning: str, samples: Samples) -> Metric:
    """A family of what goes up and down: (labels, value) of each."""
    return _family(GaugeMetricFamily(name, meaning), name, samples)


def counter(name: str, meaning: str, samples: Samples) -> Metric:
    """A family of what only grows; `_total` closes its name."""
    return _family(CounterMetricFamily(name, meaning), f"{name}_total", samples)


def _family(family: Metric, name: str, samples: Samples) -> Metric:
    for labels, value in samples:
        family.add_sample(name, labels, float(value))
    return family
