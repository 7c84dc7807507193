"""The sum behind every CheckSum, and what it costs to find that a long one is wrong."""

from hypothesis import given
from hypothesis import strategies as st

from polaris.exchange.gateway.fix.codec import Frames, byte_sum


@given(st.binary(max_size=3000) | st.integers(0, 20_000).map(lambda size: b"\xff" * size))
def test_the_sum_is_the_sum_of_every_byte(data):
    assert byte_sum(data) == sum(data)


def test_headers_that_share_one_trailer_are_all_passed_over():
    """Each of them is framed but for its checksum; nothing of it is held, and the message behind them is read."""
    count, each = 600, 24
    heads = b"".join((b"8=FIX.4.4\x019=%05d\x0135=0" % (count * each - at * each - 18)).ljust(each, b"\x01") for at in range(count))
    good = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"
    frames = Frames()
    assert [message.kind for message in frames.feed(heads + b"10=999\x01" + good)] == ["0"]
    assert frames.skipped == count * each + 7 and frames._held == b""
