"""A WebSocket of a client: texts in, texts out in one write a loop turn, and a bound on what he leaves unread.

What is sent is gathered and written at the end of the turn, one system call for however many texts. A client with too much
unread is dropped with a reason: the market does not wait for its slowest reader.
"""

import asyncio
from collections import Counter
from typing import Any, Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

QUEUE_BYTES: Final = 16 * 1024 * 1024  # unread bytes a client may have
GOODBYE_S: Final = 1.0  # how long a client may take to answer our goodbye
REASONS: Final = 1_000  # remembered of those that were dropped
REASON_BYTES: Final = 123  # a close frame holds no more
_TEXT: Final = 0x81


def frame(text: bytes) -> bytes:
    """One whole text as a server sends it."""
    size = len(text)
    if size < 126:
        return bytes((_TEXT, size)) + text
    if size < 65_536:
        return bytes((_TEXT, 126, size >> 8, size & 255)) + text
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + text


class Socket(WSListener):
    """One client's socket: a dialect overrides `heard`, `opened`, `closed`."""

    queue_bytes = QUEUE_BYTES

    def __init__(self, address: str = "") -> None:
        self.address = address
        self.gone = False
        self.reason = ""  # why it was dropped
        self._all: Sockets | None = None
        self._transport: WSTransport | None = None
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    # for the dialect

    def opened(self) -> None:
        """The socket is open."""

    def heard(self, text: bytes) -> None:
        """The client sent a text."""

    def closed(self) -> None:
        """The client is gone; called once."""

    def send(self, text: bytes) -> None:
        """Send one text with the others of this turn."""
        self.send_frame(frame(text))

    def send_frame(self, framed: bytes) -> None:
        """Send a text that `frame` made, once for many clients."""
        if self.gone or self._transport is None:
            return
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(framed)

    def drop(self, reason: str) -> None:
        """Send the client away for something he did, and remember why: what stands before a colon is what he is counted under."""
        if not self.gone:
            self.reason = reason
            if self._all is not None:
                self._all.sent_away[reason.partition(":")[0]] += 1
                self._all.dropped.append(reason)
                del self._all.dropped[:-REASONS]
            self.close(reason, WSCloseCode.POLICY_VIOLATION)

    def close(self, reason: str, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Say goodbye. Nothing more is sent; what is queued may be read until the client answers or patience ends."""
        transport = self._transport
        if transport is None or self.gone:
            return
        self.flush()
        transport.send_close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))
        self._loop.call_later(GOODBYE_S, transport.underlying_transport.abort)
        self._leave()

    # what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.opened()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            if not self.gone:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif self.gone or frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return
        elif frame.msg_type == WSMsgType.TEXT and frame.fin:
            self.heard(frame.get_payload_as_bytes())
        else:
            self.drop("only whole text messages are understood here")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._leave()

    def pause_writing(self) -> None:
        pass  # `flush` looks at what is unread

    def resume_writing(self) -> None:
        pass

    def flush(self) -> None:
        """Write what was gathered now."""
        if not self._out or self._transport is None:
            return
        data, self._out = b"".join(self._out), []
        transport: Any = self._transport.underlying_transport
        if transport.is_closing():
            return
        unread = transport.get_write_buffer_size()
        if unread > self.queue_bytes:
            self.drop(f"slow reader: {unread} bytes unread")
        else:
            transport.write(data)

    def _leave(self) -> None:
        if not self.gone:
            self.gone = True
            self._out = []
            if self._all is not None:
                self._all.discard(self)
            self.closed()


class Sockets:
    """The sockets of one server.

    dropped    the last reasons, in order
    sent_away  how many were dropped, by what for
    """

    def __init__(self, most: int = 4096) -> None:
        self.open: set[Socket] = set()
        self.dropped: list[str] = []
        self.sent_away: Counter[str] = Counter()
        self.most = most

    def add(self, socket: Socket) -> None:
        self.open.add(socket)
        socket._all = self

    def discard(self, socket: Socket) -> None:
        self.open.discard(socket)

    def close(self, reason: str) -> None:
        """Say goodbye to all."""
        for socket in list(self.open):
            socket.close(reason, WSCloseCode.GOING_AWAY)
