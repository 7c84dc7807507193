"""simplefix on an exchange of one's own: log on, place an order, hear of it, cancel it.

usage: python examples/exchange/fix_client.py HOST:PORT KEY SECRET     e.g. 127.0.0.1:9012
"""

import socket
import sys
from datetime import UTC, datetime

import simplefix

NAMES = {b"A": "logon", b"8": "report", b"9": "cancel reject", b"3": "reject", b"5": "logout", b"W": "book"}
STATES = {b"0": "new", b"1": "partially filled", b"2": "filled", b"4": "cancelled", b"8": "rejected", b"C": "expired"}


class Line:
    """One FIX session."""

    def __init__(self, address: str, name: str) -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        self._parser = simplefix.FixParser()
        self._name, self._seq = name, 0

    def send(self, kind: str, *fields: tuple[int, object]) -> None:
        """Send one message."""
        self._seq += 1
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        message.append_pair(35, kind)
        for tag, value in ((49, self._name), (56, "POLARIS"), (34, self._seq)):
            message.append_pair(tag, value)
        message.append_utc_timestamp(52, datetime.now(UTC).replace(tzinfo=None))
        for tag, value in fields:
            message.append_pair(tag, value)
        self._socket.sendall(message.encode())

    def hear(self) -> simplefix.FixMessage:
        """The next message."""
        while (message := self._parser.get_message()) is None:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the exchange closed the line")
            self._parser.append_buffer(data)
        print("heard     ", NAMES.get(message.get(35), message.get(35)), STATES.get(message.get(39), ""), (message.get(58) or b"").decode())
        return message


def main(address: str, key: str, secret: str) -> None:
    """A limit order far from the touch, its cancel, a market order."""
    line = Line(address, key[:16])
    line.send("A", (98, 0), (108, 30), (141, "Y"), (553, key), (554, secret))
    line.hear()
    now = datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S")
    line.send("D", (11, "first"), (55, "XRPUSDT"), (54, 1), (60, now), (38, "100"), (40, 2), (44, "1.0000"), (59, 1))
    line.hear()
    line.send("F", (41, "first"), (11, "second"), (55, "XRPUSDT"), (54, 1), (60, now), (38, "100"))
    line.hear()
    line.send("D", (11, "third"), (55, "XRPUSDT"), (54, 1), (60, now), (38, "100"), (40, 1))
    while True:
        if line.hear().get(39) in (b"2", b"C", b"8"):
            break
    line.send("5")
    line.hear()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
