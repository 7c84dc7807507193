"""Tests for the FIX codec: a library nobody here wrote (simplefix) on the other side, and every damage a stream can have."""

import random

import pytest
import simplefix
from hypothesis import given
from hypothesis import strategies as st

from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import MAX_MESSAGE, Frames, Message, encoded, nanoseconds, timestamp
from polaris.exchange.gateway.fix.grammar import SHAPES, examined, groups

HEAD = [(35, "D"), (49, "ME"), (56, "POLARIS"), (34, "7"), (52, "20261121-08:00:00.000")]
ORDER = [*HEAD, (11, "a1"), (55, "BTCUSDT"), (54, "1"), (38, "0.5"), (40, "2"), (44, "60000")]
texts = st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=20)
SPECIAL = {8, 9, 10, 35} | {int(tag) for tag in (*simplefix.FixParser().raw_len_tags, *simplefix.FixParser().raw_data_tags)}
bodies = st.lists(st.tuples(st.integers(1, 99_999).filter(lambda tag: tag not in SPECIAL), texts), max_size=12)


def heard(data: bytes) -> list[Message]:
    return list(Frames().feed(data))


def faulty(changes: dict[int, str | None], extra: tuple[tuple[int, str], ...] = (), fields: list[tuple[int, str]] = ORDER) -> tuple[int, int]:
    """(reason, tag) of a message with fields changed, left out (None) or added."""
    changed = [(tag, changes.get(tag, value)) for tag, value in fields]
    [message] = heard(encoded([(tag, value) for tag, value in (*changed, *extra) if value is not None]))
    fault = examined(message)
    return (fault.reason, fault.tag) if fault else (-1, 0)


@given(bodies)
def test_what_we_write_simplefix_reads_field_for_field(body):
    parser = simplefix.FixParser()
    parser.append_buffer(encoded([(35, "D"), *body]))
    message = parser.get_message()
    told = [(int(tag), value.decode("latin-1")) for tag, value in message.pairs]
    assert told[2:-1] == [(35, "D"), *body]


@given(bodies)
def test_what_simplefix_writes_we_read_field_for_field(body):
    message = simplefix.FixMessage()
    message.append_pair(8, "FIX.4.4")
    message.append_pair(35, "D")
    for tag, value in body:
        message.append_pair(tag, value.encode("latin-1"))
    [read] = heard(message.encode())
    assert (read.begin, read.kind, read.fields, read.fault) == ("FIX.4.4", "D", [(35, "D"), *body], None)


@given(st.lists(bodies, min_size=1, max_size=4), st.data())
def test_a_stream_cut_anywhere_gives_the_same_messages(all_bodies, data):
    stream = b"".join(encoded([(35, "D"), *body]) for body in all_bodies)
    frames, read = Frames(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        read += frames.feed(stream[:cut])
        stream = stream[cut:]
    assert [message.fields for message in read] == [[(35, "D"), *body] for body in all_bodies]
    assert frames.skipped == 0


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=30))
def test_no_bytes_break_the_reader_and_none_stay_but_a_beginning(junk, cuts):
    frames = Frames()
    at = 0
    for cut in [*cuts, len(junk)]:
        list(frames.feed(junk[at : at + cut]))
        at += cut
    assert len(frames._held) <= MAX_MESSAGE + 64
    whole = Frames()
    list(whole.feed(junk))
    assert whole.skipped == frames.skipped


@given(st.binary(max_size=60).filter(lambda junk: b"8" not in junk), bodies)
def test_a_message_behind_junk_is_heard(junk, body):
    frames = Frames()
    assert [message.fields for message in frames.feed(junk + encoded([(35, "D"), *body]))] == [[(35, "D"), *body]]
    assert frames.skipped == len(junk)


def test_a_wrong_checksum_or_length_skips_that_message_alone():
    good = encoded(ORDER)
    for bad in (good[:-4] + b"999\x01", good.replace(b"\x019=", b"\x019=1", 1)[:40], good.replace(b"60000", b"60001"), good.replace(b"35=D\x01", b"")):
        assert [message.fields for message in heard(good + bad + good + good)] == [ORDER] * 3


def test_a_length_beyond_the_bound_is_garbled_at_once():
    frames = Frames()
    assert list(frames.feed(b"8=FIX.4.4\x019=16385\x0135=D\x01")) == []
    assert [message.fields for message in frames.feed(encoded(ORDER))] == [ORDER]


def test_one_damaged_byte_costs_one_message_and_no_other_is_changed():
    dice = random.Random(4)
    stream = encoded(ORDER) * 20
    for _ in range(2000):
        damaged = bytearray(stream)
        damaged[dice.randrange(len(damaged))] ^= dice.randrange(1, 256)
        read = heard(bytes(damaged))
        assert [message.fields for message in read] == [ORDER] * 19


def test_raw_data_may_hold_the_separator():
    body = [(35, "A"), (95, "5"), (96, "a\x01=\x01b"), (98, "0")]
    [message] = heard(encoded(body))
    assert (message.fields, message.fault) == (body, None)


@pytest.mark.parametrize("length", ["4", "6", "0", "x", "99999"])
def test_raw_data_of_another_length_is_a_fault(length):
    [message] = heard(encoded([(35, "A"), (95, length), (96, "a\x01=\x01b"), (98, "0")]))
    assert message.fault is not None


@given(st.integers(0, 4_102_444_799_999))
def test_a_time_is_read_as_written_to_the_millisecond(ms):
    assert nanoseconds(timestamp(ms * 1_000_000)) == ms * 1_000_000


def test_times_come_with_0_3_6_or_9_digits():
    assert [nanoseconds("20231114-22:13:20" + rest) for rest in ("", ".5", ".123", ".123456", ".123456789", "Z")] == [
        1_700_000_000_000_000_000, None, 1_700_000_000_123_000_000, 1_700_000_000_123_456_000, 1_700_000_000_123_456_789, None,
    ]  # fmt: skip
    assert nanoseconds("20231314-22:13:20") is None
    assert nanoseconds("20231231-23:59:60") == nanoseconds("20231231-23:59:59")
    assert nanoseconds("20231231-23:59:61") is None


def test_the_standard_order_has_no_fault():
    assert faulty({}) == (-1, 0)


@pytest.mark.parametrize(
    ("changes", "extra", "reason", "tag"),
    [
        ({11: None}, (), w.REQUIRED_TAG_MISSING, 11),
        ({52: None}, (), w.REQUIRED_TAG_MISSING, 52),
        ({44: ""}, (), w.TAG_WITHOUT_VALUE, 44),
        ({44: "1e5"}, (), w.BAD_FORMAT, 44),
        ({44: "60,000"}, (), w.BAD_FORMAT, 44),
        ({52: "yesterday"}, (), w.BAD_FORMAT, 52),
        ({11: "x" * 37}, (), w.BAD_FORMAT, 11),
        ({}, ((44, "1"),), w.TAG_TWICE, 44),
        ({}, ((211, "1"),), w.TAG_NOT_FOR_THIS_TYPE, 211),
        ({}, ((9001, "1"),), w.UNDEFINED_TAG, 9001),
        ({}, ((43, "Y"),), w.BAD_ORDER_OF_TAGS, 43),
        ({}, ((0, "1"),), w.INVALID_TAG, 0),
    ],
)
def test_what_an_order_says_wrongly_has_its_reason_and_tag(changes, extra, reason, tag):
    assert faulty(changes, extra) == (reason, tag)


REQUEST = [(35, "V"), *HEAD[1:], (262, "r"), (263, "1"), (264, "0"), (267, "2"), (269, "0"), (269, "1"), (146, "1"), (55, "BTCUSDT")]


def test_a_group_is_read_entry_by_entry():
    [message] = heard(encoded(REQUEST))
    assert examined(message) is None
    assert groups(message, 267) == [{269: "0"}, {269: "1"}]
    assert groups(message, 146) == [{55: "BTCUSDT"}]


@pytest.mark.parametrize("count", ["1", "3", "0"])
def test_a_group_of_another_count_is_a_fault(count):
    assert faulty({267: count}, fields=REQUEST)[0] == w.BAD_GROUP_COUNT
    assert faulty({146: "2"}, fields=REQUEST)[0] == w.BAD_GROUP_COUNT


@given(st.sampled_from(sorted(SHAPES)), st.lists(st.tuples(st.sampled_from([tag for tag, _ in REQUEST] + [11, 38, 40, 126, 5001]), texts), max_size=20))
def test_any_fields_are_examined_without_a_fall(kind, fields):
    [message] = heard(encoded([(35, kind), *fields]))
    fault = examined(message)
    if fault is None:
        for counted in SHAPES[kind].groups:
            groups(message, counted)


def test_no_message_shows_its_values():
    [message] = heard(encoded([*HEAD, (554, "hunter2")]))
    assert "hunter2" not in repr(message)
