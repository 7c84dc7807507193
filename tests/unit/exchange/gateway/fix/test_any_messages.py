"""Whatever a session is told, it answers in FIX and the venue goes on: random messages of plausible fields against a whole acceptor."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.acceptor import Acceptor, Line
from polaris.exchange.gateway.fix.codec import Frames, encoded, timestamp
from polaris.exchange.gateway.fix.grammar import SHAPES
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Venue
from polaris.exchange.marketdata import MarketData
from tests.unit.exchange.gateway.bare import RULES, START, Bare, Clock

VALUES: dict[int, list[str]] = {
    1: ["2", "3"], 11: ["a", "b", "c", "x" * 36], 18: ["6", "1"], 37: ["1", "2", "0", "99999999999999999999", "x"], 38: ["1", "0.5", "0", "-1", "1e9", "9" * 30],
    40: ["1", "2", "3", "4", "P"], 41: ["a", "b", "c", "z"], 44: ["50000", "50000.01", "0", "-5", "50000.001", "." * 3], 54: ["1", "2", "5"],
    55: ["BTCUSDT", "ETHUSDT", "DOGE"], 59: ["0", "1", "3", "4", "6", "9"], 60: [timestamp(START)], 97: ["Y", "N"], 99: ["50010", "49990"],
    111: ["0.1", "5"], 126: [timestamp(START + 10**10), timestamp(START - 10**10), "soon"], 262: ["r", "s"], 263: ["0", "1", "2", "9"],
    264: ["0", "1", "5", "99999", "-1"], 265: ["0", "1", "2"], 320: ["l"], 530: ["1", "7", "3"], 559: ["0", "4"], 7: ["1", "3", "0"], 16: ["0", "2"],
    36: ["5", "1"], 112: ["t"], 123: ["Y", "N"], 372: ["D"], 380: ["0"], 45: ["1"], 58: ["ü", " "],
}  # fmt: skip
body = st.lists(st.sampled_from(sorted(VALUES)).flatmap(lambda tag: st.tuples(st.just(tag), st.sampled_from(VALUES[tag]))), max_size=12, unique_by=lambda field: field[0])


@st.composite
def messages(draw: Any) -> tuple[str, list[tuple[int, str]]]:
    """A message type and fields: of many all that it must have, and nothing it may not."""
    kind = draw(st.sampled_from(["D", "D", "D", "F", "G", "G", "H", "AF", "q", "V", "x", "j", "AE", "ZZ", "1", "2", "0", "8"]))
    fields = dict(draw(body))
    if kind in SHAPES and draw(st.integers(0, 5)):
        shape = SHAPES[kind]
        fields = {tag: value for tag, value in fields.items() if tag in shape.optional}
        fields |= {tag: draw(st.sampled_from(VALUES.get(tag, ["1"]))) for tag in shape.required if tag not in fields}
        told = list(fields.items())
        if kind == "V" and draw(st.booleans()):
            told += [(267, "2"), (269, draw(st.sampled_from("012x"))), (269, "1"), (146, "1"), (55, draw(st.sampled_from(VALUES[55])))]
        return kind, told
    return kind, list(fields.items())


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return "127.0.0.1", 1


@settings(max_examples=60)
@given(st.lists(messages(), max_size=25))
async def test_every_message_is_answered_in_fix_and_the_venue_goes_on(told):
    core = Bare()
    clock = Clock()
    venue = Venue(RULES, core, Register(RULES), clock, pulse_s=0)
    broadcast = Broadcast(MarketData(core.engine._arena))
    venue.listen(broadcast)
    keys = Keys()
    key, secret = keys.create_hmac(2)
    acceptor = Acceptor(venue, broadcast, keys)
    line, wire = Line(acceptor), Wire()
    line.connection_made(wire)
    kinds = []
    for number, (kind, fields) in enumerate([("A", [(98, "0"), (108, "30"), (553, key.name), (554, secret)]), *told], 1):
        clock.now += 10**9
        line.data_received(encoded([(35, kind), (49, "ME"), (56, "POLARIS"), (34, str(number)), (52, timestamp(clock.now)), *fields]))
        venue.turn()
        broadcast.tick(clock.now)
        await asyncio.sleep(0)
        kinds.append(kind)
    line.flush()
    frames = Frames()
    said = list(frames.feed(bytes(wire.written)))
    assert venue.failed == "" and frames.skipped == 0
    assert [int(message.get(w.MSG_SEQ_NUM)) for message in said if not message.flag(w.POSS_DUP_FLAG)] == list(
        range(1, 1 + sum(not message.flag(w.POSS_DUP_FLAG) for message in said))
    )
    assert len({message.get(w.EXEC_ID) for message in said if message.kind == "8" and not message.flag(w.POSS_DUP_FLAG)}) == sum(
        message.kind == "8" and not message.flag(w.POSS_DUP_FLAG) for message in said
    )
    for message in said:
        if message.kind == "8" and message.get(w.EXEC_TYPE) not in ("8", "I"):
            cum, leaves, whole = (float(message.get(tag)) for tag in (w.CUM_QTY, w.LEAVES_QTY, w.ORDER_QTY))
            assert cum + leaves <= whole + 1e-9
            if message.get(w.ORD_STATUS) in "01":
                assert abs(cum + leaves - whole) < 1e-9
    if not wire.closed:
        answered = [message for message in said if message.kind in ("8", "9", "j", "3", "r", "y", "W", "Y", "0", "2", "4")]
        asked = [kind for kind in kinds if kind in "DFGHqx"]
        assert len(answered) >= len(asked)
    line.connection_lost(None)
    venue.close()
