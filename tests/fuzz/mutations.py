"""Inputs that are nearly right: a seed whose words were left out, doubled, moved, replaced by what a parser trips over."""

import re

from hypothesis import strategies as st

WORDS = [
    b"", b"0", b"-1", b"-0", b"1e30", b"1E400", b"1" + b"0" * 30, b"9" * 400, b"NaN", b"Infinity", b"0x10", b"1_0", b"+1", b" 1", b".5", b"1.", b"00", b"1,5",
    "１".encode(), "٣".encode(), "é".encode(), b"\xe9", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\0", b"%00", b"%ff", b"%", b"+", b"null", b"true", b"[]", b"{}",
    b'""', b'["a"]', b"[" * 3000, b'{"a":' * 1500, b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"4294967296", b"\n", b"\r\n",
    b"\x01", b"=", b"&", b"|", b"99991231-23:59:59.999", b"00000000-00:00:00", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:60Z", b"a" * 300,
]  # fmt: skip
_BETWEEN = re.compile(rb"([&=|,:\"\n {}\[\]?/\x01])")


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed after up to eight changes, or any bytes behind its first."""
    data = draw(st.sampled_from(seeds))
    if draw(st.integers(0, 9)) == 0:
        return data[:1] + draw(st.binary(max_size=60))
    pieces = [piece for piece in _BETWEEN.split(data) if piece]
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, max(0, len(pieces) - 1)))
        match draw(st.integers(0, 5)):
            case 0:
                del pieces[at : at + draw(st.integers(1, 4))]
            case 1:
                pieces[at:at] = pieces[at : at + draw(st.integers(1, 12))]
            case 2:
                pieces[at : at + 1] = [draw(st.sampled_from(WORDS))]
            case 3:
                pieces.insert(at, draw(st.sampled_from(WORDS)))
            case 4:
                other = [piece for piece in _BETWEEN.split(draw(st.sampled_from(seeds))) if piece]
                start = draw(st.integers(0, len(other)))
                pieces[at:at] = other[start : start + draw(st.integers(1, 12))]
            case _:
                if pieces:
                    piece, place = pieces[at], draw(st.integers(0, len(pieces[at])))
                    pieces[at] = piece[:place] + draw(st.binary(max_size=3)) + piece[place + draw(st.integers(0, 2)) :]
    return b"".join(pieces)
