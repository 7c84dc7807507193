"""FIX from its bytes: what comes before a logon, and what comes within a session.

The lowest bit of the first byte says whether a session is logged on first, the rest how large the pieces are.
"""

from polaris.exchange.gateway.fix.codec import Frames, encoded, timestamp
from tests.fuzz.besieged import Besieged, Wire
from tests.unit.exchange.gateway.bare import START

TIME = (52, timestamp(START))
NAMES = [(49, "ME"), (56, "POLARIS")]


def message(kind: str, number: int, *fields: tuple[int, str]) -> bytes:
    return encoded([(35, kind), *NAMES, (34, str(number)), TIME, *fields])


ORDER = [(11, "a"), (55, "BTCUSDT"), (54, "1"), (38, "1"), (40, "2"), (44, "50000")]
SEEDS = [
    b"0" + message("A", 1, (98, "0"), (108, "30"), (553, "k"), (554, "s")),
    b"0" + message("A", 1, (98, "0"), (108, "30"), (553, "k"), (95, "5"), (96, "a\x01b=c")),
    b"0" + message("D", 1, *ORDER),
    b"0" + message("A", 1, (98, "0"), (108, "30")).replace(b"FIX.4.4", b"FIX.4.2"),
    b"1" + message("0", 2) + message("1", 3, (112, "x")),
    b"1" + message("D", 2, *ORDER),
    b"1" + message("2", 2, (7, "1"), (16, "0")),
    b"1" + message("4", 2, (36, "5"), (123, "Y")),
    b"1" + message("V", 2, (262, "r"), (263, "1"), (264, "5"), (265, "1"), (267, "2"), (269, "0"), (269, "1"), (146, "1"), (55, "BTCUSDT")),
    b"1" + message("5", 2),
    b"18=FIX.4.4\x019=999999999\x0135=0\x01",
    b"18=FIX.4.4\x019=16384\x0135=0\x01" + b"x" * 300,
    b"1" + message("0", 2)[:-4] + b"999\x01",
    b"18=FIX8=FIX8=FIX.4.4\x019=5\x0135=0\x0110=163\x01",
]
HUGE = [
    b"1" + b"8=FIX" * 50_000,
    b"1" + message("0", 2, (58, "x" * 17_000)),
    b"0" + b"x" * 100_000,
    b"1" + b"".join(message("2", number, (7, "1"), (16, "0")) for number in range(2, 900)),
]
FOUND: list[bytes] = []


async def attack(besieged: Besieged, data: bytes) -> None:
    """What is said is FIX and numbered; the line goes on or is closed; who is not logged on changes nothing."""
    logged_on, size = bool(data[:1] and data[0] & 1), (data[0] - 48) >> 1 if data[:1] and data[0] >= 50 else 0
    wire = besieged.door("fix")
    if logged_on:
        log_on(besieged, wire)
    rest = data[1:]
    for at in range(0, len(rest), size or len(rest) or 1):
        wire.feed(rest[at : at + (size or len(rest))])
        await besieged.turn()
    await leave(besieged, wire)
    (besieged.whole if logged_on else besieged.unchanged)()
    if not logged_on:
        assert all(said.kind == "5" for said in spoken(wire)), "somebody was let in"
    await serves(besieged)


def log_on(besieged: Besieged, wire: Wire) -> None:
    wire.feed(message("A", 1, (98, "0"), (108, "30"), (553, besieged.hmac_key.name), (554, besieged.secret)))


async def serves(besieged: Besieged) -> None:
    """A logon that is right is answered."""
    wire = besieged.door("fix")
    log_on(besieged, wire)
    await leave(besieged, wire)
    assert [said.kind for said in spoken(wire)] == ["A"], "a right logon was not answered after the attack"


def spoken(wire: Wire) -> list:
    """Every message we said: nothing else may be among the bytes."""
    frames = Frames()
    said = list(frames.feed(bytes(wire.written)))
    assert frames.skipped == 0 and not frames._held, "what we said is no FIX"
    assert all(each.fault is None for each in said), [each.fault for each in said]
    return said


async def leave(besieged: Besieged, wire: Wire) -> None:
    """The line is lost; so is its session, for the next attack to begin with."""
    await besieged.turn()
    protocol = wire.get_protocol()
    protocol.flush()
    wire.lost()
    await besieged.turn()
    said = [each for each in spoken(wire) if not each.flag(43)]
    if protocol.participant is not None:
        assert [int(each.get(34)) for each in said] == list(range(1, len(said) + 1)) or any(each.flag(141) for each in said), "a number is missing"
    for participant in besieged.fix.participants.values():
        participant.trading.retire()
    besieged.fix.participants.clear()
    await besieged.turn()
