"""Latency histograms: exact counts, bounded error, and the same story for Prometheus."""

from hypothesis import given
from hypothesis import strategies as st

from polaris.app.latency import EDGES_NS, Latencies, LatencyHistogram

durations = st.lists(st.integers(0, 2**41), min_size=1, max_size=200)


@given(durations, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_at_most_an_eighth_above_the_true_one(values, q):
    histogram = LatencyHistogram("decode")
    for value in values:
        histogram.record(value)
    true = sorted(values)[max(0, -int(-q * len(values) // 1) - 1)]
    assert true <= histogram.quantile(q) <= max(1, true * 1.125 + 1)


@given(durations)
def test_the_buckets_count_exactly_what_took_no_longer_than_their_edge(values):
    histogram = LatencyHistogram("decode")
    for value in values:
        histogram.record(value)
    found = histogram.snapshot()
    assert found.buckets == tuple(sum(value <= edge for value in values) for edge in EDGES_NS)
    assert (found.count, found.sum_ns, found.max_ns) == (len(values), sum(values), max(values))


def test_a_clock_that_stepped_back_counts_as_nothing():
    histogram = LatencyHistogram("decode")
    histogram.record(-5)
    assert (histogram.snapshot().count, histogram.snapshot().sum_ns) == (1, 0)


def test_an_hour_and_more_still_fits():
    histogram = LatencyHistogram("decode")
    histogram.record(10**15)
    assert histogram.quantile(0.5) <= 10**15
    assert histogram.snapshot().count == 1


def test_only_stages_that_were_measured_are_told():
    latencies = Latencies(("decode", "log"))
    latencies["log"].record(1)
    assert [stage.stage for stage in latencies.snapshot()] == ["log"]
    assert LatencyHistogram("empty").quantile(0.99) == 0
