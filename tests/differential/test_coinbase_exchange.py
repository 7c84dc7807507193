"""The compiled reader of Coinbase Exchange against its typed decoder, on made-up hours, whole and damaged."""

from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.venues.books import OTHER
from tests.unit.venues.exchange_market import hour
from tests.unit.venues.test_coinbase_exchange import made

PUTS = st.binary(max_size=6) | st.sampled_from([b"0", b"9", b",", b'"', b"}", b".", b"-", b" ", b"]"])
CUTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 4), PUTS), max_size=3)


def two():
    fast, plain = made(), made()
    plain._books._take = lambda *given: OTHER
    return fast, plain


def told(feed):
    """Everything the feed says about the last frames; what it said is forgotten."""
    stats = feed.stats
    symbols = [(one.state, one.gaps, one.resyncs, one.checksums_ok, one.checksums_failed, one.last_update_ns) for one in stats.symbols.values()]
    said = feed.rows.view().tobytes(), list(feed.wishes), stats.bad_messages, stats.gaps, dict(stats.ignored), symbols
    feed.rows.clear()
    feed.wishes.clear()
    return said


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_every_frame_is_read_as_the_typed_decoder_reads_it(seed):
    fast, plain = two()
    for ts, frame in hour(seed, 100)[1]:
        for feed in (fast, plain):
            feed.frame(frame, ts)
            feed.tick(ts)
        assert told(fast) == told(plain)
    assert fast.stats.fallbacks == 0


@given(seed=st.integers(0, 100), data=st.data())
@settings(max_examples=60)
def test_a_damaged_frame_is_read_as_the_typed_decoder_reads_it(seed, data):
    fast, plain = two()
    for number, (ts, frame) in enumerate(hour(seed, 8)[1]):
        damaged = bytearray(frame)
        for place, length, put in data.draw(CUTS) if number > 5 else []:
            at = place % (len(damaged) + 1)
            damaged[at : at + length] = put
        for feed in (fast, plain):
            feed.frame(bytes(damaged), ts)
            feed.tick(ts)
        assert told(fast) == told(plain)
    for wire in fast.stats.symbols:
        assert fast.book_text(wire, 0) == plain.book_text(wire, 0)
