"""A line whose peer is gone before he was met."""

from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.fix.acceptor import Acceptor, Line
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Venue
from polaris.exchange.marketdata import MarketData
from tests.unit.exchange.gateway.bare import RULES, Bare, Clock
from tests.unit.exchange.gateway.fix.test_any_messages import Wire


class Gone(Wire):
    def get_extra_info(self, name):
        return None


async def test_a_peer_without_an_address_is_denied_like_any_stranger():
    core = Bare()
    venue = Venue(RULES, core, Register(RULES), Clock(), pulse_s=0)
    acceptor = Acceptor(venue, Broadcast(MarketData(core.engine._arena)), Keys())
    line, wire = Line(acceptor), Gone()
    line.connection_made(wire)
    line.data_received(b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01")
    assert wire.closed and not wire.written
    line.connection_lost(None)
    assert not acceptor.lines
