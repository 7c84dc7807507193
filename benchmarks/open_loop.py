"""An open loop of orders: sent when they are due, whether or not the ones before were answered, timed from when they were due.

A generator that waits for answers hides the queue it causes (coordinated omission). Here order i is due at start + i / rate; its
latency ends when its answer has been read. All frames are made beforehand, so that an order costs the generator a copy.
"""

import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ID = re.compile(rb'"id":"?(\d+)')
NOTHING = -1
PATIENCE_S = 5.0  # for the last answers
NAP_S = 50e-6  # between looks at the clock
CHUNK = 1 << 18


@dataclass(frozen=True)
class Run:
    """What came of a run.

    latency_ns  int64[n]  from when order i was due to when its answer was read; NOTHING where none came
    seconds     from the first order due to the last answer
    behind_ns   how late the generator itself was at the worst: it must be far below what it measures
    """

    latency_ns: npt.NDArray[np.int64]
    seconds: float
    behind_ns: int

    @property
    def answered(self) -> int:
        return int((self.latency_ns != NOTHING).sum())

    def figures(self) -> dict[str, float]:
        """Microseconds at the usual places, the first tenth left out as it warms; and answers a second."""
        kept = self.latency_ns[len(self.latency_ns) // 10 :]
        kept = kept[kept != NOTHING] / 1e3
        if not len(kept):
            return {"p50_us": float("nan"), "p99_us": float("nan"), "p999_us": float("nan"), "achieved": 0.0}
        p50, p99, p999 = np.percentile(kept, (50, 99, 99.9))
        return {"p50_us": round(float(p50), 1), "p99_us": round(float(p99), 1), "p999_us": round(float(p999), 1), "achieved": round(self.answered / self.seconds, 1)}


def text_frame(payload: bytes) -> bytes:
    """A client's WebSocket text frame (RFC 6455 5.2), masked with zeros."""
    n = len(payload)
    size = bytes((0x80 | n,)) if n < 126 else b"\xfe" + n.to_bytes(2, "big") if n < 65536 else b"\xff" + n.to_bytes(8, "big")
    return b"\x81" + size + b"\0\0\0\0" + payload


def run(sockets: Sequence[socket.socket], frames: Sequence[bytes], rate: float, first: int = 0, answers: Callable[[bytes], list[bytes]] = ID.findall) -> Run:
    """Send frame i at start + i / rate over connection i % n, read the answers, time them.

    sockets  open connections, past their handshake
    frames   order i's request as it goes over the line; its answer holds `"id":n` or `"id":"n"`, n = first + i: answers to others are late ones
    rate     orders a second
    """
    n, lines = len(frames), len(sockets)
    buffers = [memoryview(b"".join(frames[c::lines])) for c in range(lines)]
    ends = [np.concatenate([[0], np.cumsum([len(frame) for frame in frames[c::lines]])]) for c in range(lines)]
    sent = [0] * lines
    rest = [b""] * lines
    number = {socket.fileno(): c for c, socket in enumerate(sockets)}
    latency = np.full(n, NOTHING, np.int64)
    poll = select.poll()
    for each in sockets:
        each.setblocking(False)
        poll.register(each, select.POLLIN)
    step = 1e9 / rate
    start = time.perf_counter_ns() + 20_000_000
    deadline = start + round(n * step + PATIENCE_S * 1e9)
    answered = due = behind = 0
    last = start
    before = start
    while answered < n:
        now = time.perf_counter_ns()
        if now > deadline:
            break
        if now > start and due < n:
            behind = max(behind, now - max(before, start))
            due = min(n, int((now - start) / step) + 1)
        before = now
        for c in range(lines):
            until = int(ends[c][(due - c + lines - 1) // lines if due > c else 0])
            if sent[c] < until:
                try:
                    sent[c] += sockets[c].send(buffers[c][sent[c] : until])
                except BlockingIOError:
                    continue
        ready = poll.poll(0)
        for fd, _ in ready:
            c = number[fd]
            try:
                data = sockets[c].recv(CHUNK)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionError(f"connection {c} was closed after {answered} answers of {n}")
            last = time.perf_counter_ns()
            data = rest[c] + data
            cut = data.rfind(b"}") + 1  # a number that is cut waits for the rest
            whole, rest[c] = data[:cut], data[cut:]
            found = answers(whole)
            if found:
                ids = np.array([int(each) for each in found]) - first
                ids = ids[(ids >= 0) & (ids < n)]
                latency[ids] = last - (start + (ids * step).astype(np.int64))
                answered += len(ids)
        if not ready:
            time.sleep(NAP_S)
    return Run(latency, (last - start) / 1e9, behind)

