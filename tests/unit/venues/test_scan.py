"""The words of the compiled readers: what they understand is what the exact readers say, what they do not is LOST."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import UnreadableNumber
from polaris.domain.kernel import kernel
from polaris.domain.numbers import scaled
from polaris.venues.reading import Times
from polaris.venues.scan import LOST, boolean, decimal, expect, find_name, integer, key, mark, nanos, packed, skip, table_of, text_end, word


@kernel
def _decimal(payload, at, decimals):  # type: ignore[no-untyped-def]
    return decimal(payload, at, decimals)


@kernel
def _integer(payload, at):  # type: ignore[no-untyped-def]
    return integer(payload, at)


@kernel
def _key(payload, at):  # type: ignore[no-untyped-def]
    return key(payload, at)


@kernel
def _chain(payload, first, second):  # type: ignore[no-untyped-def]
    return mark(payload, expect(payload, expect(payload, 0, first), second), 33)


@kernel
def _find(payload, at, end, names):  # type: ignore[no-untyped-def]
    return find_name(payload, at, end, names)


@kernel
def _boolean(payload, at):  # type: ignore[no-untyped-def]
    return boolean(payload, at)


numbers = st.from_regex(r"\A[0-9]{1,9}(\.[0-9]{1,9})?\Z")
anything = st.text(alphabet="0123456789.-+eE_ \"", max_size=12) | numbers


@given(text=anything, decimals=st.integers(0, 9))
def test_a_decimal_that_is_understood_is_the_number_exactly(text, decimals):
    value, end = _decimal(f'"{text}"'.encode(), 0, decimals)
    if end != LOST:
        quoted = text[: end - 2]
        assert scaled(quoted, decimals) == value


@given(text=numbers, decimals=st.integers(0, 9))
def test_every_plain_decimal_is_understood_unless_a_digit_would_be_lost(text, decimals):
    value, end = _decimal(f'"{text}"'.encode(), 0, decimals)
    try:
        expected = scaled(text, decimals)
    except UnreadableNumber:
        assert end == LOST
    else:
        assert (value, end) == (expected, len(text) + 2)


@pytest.mark.parametrize("text", ['""', '"."', '"1."', '".5"', '"-1"', '"+1"', '"1e5"', '"1.2.3"', '"12', "12", '"1 "', '"9999999999999999999"'])
def test_what_is_no_plain_decimal_is_lost(text):
    assert _decimal(text.encode(), 0, 2)[1] == LOST


@given(st.integers(0, 10**18 - 1))
def test_integers_of_18_digits_are_understood(value):
    assert _integer(b"%d," % value, 0) == (value, len(str(value)))


@pytest.mark.parametrize("text", [b"", b"-1", b"x", b"01", b"00", b"1234567890123456789"])
def test_what_is_no_integer_of_json_is_lost(text):
    assert _integer(text, 0)[1] == LOST


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)), st.from_regex(r"\A(\.[0-9]{1,9})?\Z"))
def test_times_are_read_as_the_exact_reader_reads_them(moment, part):
    text = moment.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + part + "Z"
    assert nanos(text.encode(), 0, len(text)) == Times("time")[text]


@pytest.mark.parametrize(
    "text",
    ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
     "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.0123456789Z", "2026-01-01 00:00:00Z", "1969-12-31T23:59:59Z", "", "Z"],
)  # fmt: skip
def test_what_is_no_time_is_lost(text):
    assert nanos(text.encode(), 0, len(text)) == LOST


def test_a_leap_day_is_a_day():
    assert nanos(b"2024-02-29T00:00:00Z", 0, 20) == Times("time")["2024-02-29T00:00:00Z"]


@pytest.mark.parametrize(("value", "length"), [(b'"abc",', 5), (b"12,", 2), (b"-1.5}", 4), (b"true]", 4), (b"false", 5), (b"null ", 4), (b'"",', 2)])
def test_a_value_nobody_needs_is_skipped(value, length):
    assert skip(value, 0) == length


@pytest.mark.parametrize("value", [b"", b"[1]", b"{}", b'"a', b'"a\\"b"', b"nul", b"-", b"1.", b"01", b'"\xc3\xa4"', b'"\x00"', b"tru"])
def test_a_value_that_is_not_plain_is_lost(value):
    assert skip(value, 0) == LOST


def test_fields_are_told_apart_by_their_packed_names():
    assert _key(b'"pu":12', 0) == (packed("pu"), 5)
    assert _key(b'"sequence_num":12', 0) == (0, 15)
    assert _key(b'pu":', 0)[1] == LOST
    assert packed("pu") != packed("u")
    with pytest.raises(ValueError, match="expected one to seven bytes"):
        packed("sequence_num")


def test_from_lost_every_step_leads_to_lost():
    first, second = word("ab"), word("cd")
    assert _chain(b"abcd!", first, second) == 5
    for damaged in (b"", b"a", b"ab", b"abcd", b"xbcd!", b"abce!", b"abcd?"):
        assert _chain(damaged, first, second) == LOST
    assert text_end(b"abc", LOST) == skip(b"abc", LOST) == LOST
    assert _boolean(b"maybe", 0)[1] == LOST


@given(st.sets(st.binary(min_size=1, max_size=20), max_size=40), st.binary(min_size=1, max_size=20))
def test_a_table_finds_its_names_and_no_other(known, other):
    names = {name: (number, number + 7) for number, name in enumerate(sorted(known))}
    table = table_of(names)
    for name, (first, second) in names.items():
        slot = _find(b"<" + name + b">", 1, 1 + len(name), table)
        assert tuple(table[slot, 2:]) == (first, second)
    assert (_find(other, 0, len(other), table) != LOST) == (other in known)
    assert table.dtype == np.int64
