"""bench_exchange_kill: kill -9 of an exchange under load, as often as asked, and what its client and its journal say afterwards.

A nursery, a process that has everything loaded, forks one exchange a life: a matching engine and a register of client ids behind a socket,
its journal's scribe as a process beside it. A client sends orders and cancels without pause, some hundred ahead of the answers. At a random
moment, in its recovery or under load, the exchange, its scribe or both are killed. The next life recovers; the client sends again what
was never answered, under the same ids. After every life:

- each answer that was ever given stands in the journal, under the seq and order id that were told;
- no client id is there twice;
- the state that was recovered is the one of an engine that ran the same commands and was never killed.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from polaris.domain.orders import BUY, SELL
from polaris.exchange import COMMAND, MatchingEngine
from polaris.exchange.gateway.journal import Journal, State
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.reading import read
from polaris.exchange.gateway.recovery import recover
from polaris.exchange.gateway.snapshots import write_snapshot
from polaris.exchange.words import CANCEL, GTC, LIMIT, SUBMIT, Commands

RULES = "drill"
LOWEST, CAPACITY = [1_000], 1 << 14
REQUEST = np.dtype([("client_id", "S36"), ("command", COMMAND)])
ANSWER = np.dtype([("client_id", "S36"), ("seq", "<i8"), ("order_id", "<i8")])
AHEAD = 400  # requests under way
SNAPSHOT_EVERY = 2_000  # commands
SEGMENT_BYTES = 1 << 18
MOMENTS = ("load", "load", "recovery", "load", "start")  # under load once answers come, while it recovers, when it has just begun
VICTIMS = ("exchange", "scribe", "both")


class Venue:
    """An engine, and which client id became which order: a fold of commands and notes."""

    def __init__(self, parts: dict[str, Any] | None = None) -> None:
        if parts is None:
            self.engine, self.register = MatchingEngine(LOWEST, CAPACITY), {}
        else:
            self.engine = MatchingEngine.restored(LOWEST, CAPACITY, parts["orders"], parts["last_prices"])
            self.register: dict[bytes, tuple[int, int]] = {
                name: (seq, order) for name, seq, order in zip(parts["names"].tolist(), parts["seqs"].tolist(), parts["order_ids"].tolist(), strict=True)
            }
        self.twice: list[bytes] = []

    def apply(self, commands: Commands, notes: Notes) -> None:
        self.engine.run(commands)
        for name, seq, order_id in zip(notes["client_id"].tolist(), commands["seq"].tolist(), commands["order_id"].tolist(), strict=True):
            if name in self.register:
                self.twice.append(name)
            self.register[name] = (seq, order_id)

    def digest(self) -> str:
        return f"{self.engine.digest()}-{hash(tuple(self.register.values())):x}"

    def parts(self) -> dict[str, Any]:
        places = np.array(list(self.register.values()), np.int64).reshape(-1, 2)
        names = np.array(list(self.register), "S36")
        return {"orders": self.engine.orders(), "last_prices": self.engine.last_prices(), "names": names, "seqs": places[:, 0], "order_ids": places[:, 1]}


async def live(folder: Path, port: int) -> None:
    """One life: recover, say so, and serve until killed."""
    loop = asyncio.get_running_loop()
    link = socket.create_connection(("127.0.0.1", port))
    waiting: deque[tuple[int, np.ndarray]] = deque()  # (last seq, answers)
    ended = loop.create_future()

    def tell(durable: int) -> None:
        while waiting and waiting[0][0] <= durable:
            link.sendall(waiting.popleft()[1].tobytes())

    def stop(state: State, why: str) -> None:
        if state != State.OPEN and not ended.done():
            ended.set_result(why)

    journal = Journal.open(folder, RULES, segment_bytes=SEGMENT_BYTES, on_durable=tell, on_state=stop)
    found = recover(folder, RULES, Venue, journal.last_seq)
    venue, kept = found.machine, found.snapshot_seq
    link.sendall(f"{journal.last_seq} {found.replayed} {venue.digest()} {journal._scribe.pid}\n".encode())
    journal.attach(loop)
    buffer = b""

    def take() -> None:
        nonlocal buffer, kept
        came = link.recv(1 << 16)
        buffer += came
        whole = len(buffer) // REQUEST.itemsize
        if not whole or journal.refuses:
            return
        requests = np.frombuffer(buffer, REQUEST, whole)
        buffer = buffer[whole * REQUEST.itemsize :]
        fresh = np.array([name not in venue.register for name in requests["client_id"].tolist()])
        commands, notes = requests["command"][fresh].copy(), np.zeros(int(fresh.sum()), NOTE)
        first = journal.next_seq
        commands["seq"] = np.arange(first, first + len(commands))
        opens = commands["operation"] == SUBMIT
        commands["order_id"] = np.where(opens, commands["seq"], commands["order_id"])
        notes["client_id"], notes["received"] = requests["client_id"][fresh], time.time_ns()
        if len(commands):
            venue.apply(commands, notes)
            journal.append(first, commands, notes)
        answers = np.zeros(whole, ANSWER)
        answers["client_id"] = requests["client_id"]
        places = [venue.register[name] for name in requests["client_id"].tolist()]
        answers["seq"], answers["order_id"] = zip(*places, strict=True)
        waiting.append((journal.next_seq - 1, answers))
        tell(journal.told_seq)
        if journal.durable_seq - kept > SNAPSHOT_EVERY and not journal.backlog:
            kept = journal.durable_seq
            write_snapshot(folder, RULES, kept, venue.digest(), venue.parts())

    loop.add_reader(link, take)
    await ended


NURSERY = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from bench_exchange_kill import Venue, live, recover
Venue().digest()
print("ready", flush=True)
for line in sys.stdin:
    folder, port = line.split()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(live(Path(folder), int(port)))
        finally:
            os._exit(1)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("over", flush=True)
"""


class Client:
    """Sends without pause, remembers every answer, sends again what has none."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.sent: dict[bytes, np.ndarray] = {}  # not answered, in the order of sending
        self.answers: dict[bytes, tuple[int, int]] = {}
        self.contradictions: list[bytes] = []
        self.made = 0
        self.begin()

    def make(self) -> np.ndarray:
        """One more request: mostly a limit order near the touch, else the cancel of an order that was answered."""
        request = np.zeros(1, REQUEST)
        command = request["command"]
        request["client_id"] = b"drill-%08d" % self.made
        self.made += 1
        if self.answers and self.dice.random() < 0.45:
            command["operation"], command["order_id"] = CANCEL, self.dice.randrange(1, len(self.answers) + 1)
        else:
            side = self.dice.choice((BUY, SELL))
            command["operation"], command["order_type"], command["time_in_force"], command["side"] = SUBMIT, LIMIT, GTC, side
            command["price"], command["quantity"] = 2_000 + self.dice.randrange(-20, 8) * side, self.dice.randrange(1, 50)
        return request

    def begin(self) -> None:
        """A new connection: what has no answer is to be sent again."""
        self.again, self.buffer = deque(self.sent.values()), b""

    def talk(self, link: socket.socket, seconds: float, answers: int = 1 << 40) -> None:
        """Send and hear for so long, until so many answers came, or until the other end is gone."""
        until, enough, again = time.monotonic() + seconds, len(self.answers) + answers, self.again
        link.settimeout(0.005)
        try:
            while time.monotonic() < until and len(self.answers) < enough:
                batch = []
                while again and len(batch) < 100:
                    batch.append(again.popleft())
                while not again and len(self.sent) < AHEAD and len(batch) < 100:
                    request = self.make()
                    self.sent[request["client_id"][0]] = request
                    batch.append(request)
                if batch:
                    link.sendall(b"".join(request.tobytes() for request in batch))
                try:
                    came = link.recv(1 << 16)
                except TimeoutError:
                    continue
                if not came:
                    break
                self.buffer = self.hear(self.buffer + came)
        except OSError:
            pass

    def hear(self, data: bytes) -> bytes:
        whole = len(data) // ANSWER.itemsize
        answers = np.frombuffer(data, ANSWER, whole)
        for name, seq, order_id in zip(answers["client_id"].tolist(), answers["seq"].tolist(), answers["order_id"].tolist(), strict=True):
            if self.answers.setdefault(name, (seq, order_id)) != (seq, order_id):
                self.contradictions.append(name)
            self.sent.pop(name, None)
        return data[whole * ANSWER.itemsize :]


def drill(folder: Path, kills: int, seed: int = 1) -> dict[str, Any]:
    """Kill an exchange so often; returns counts, of which lost, twice, contradictions and digests_that_differ must be 0."""
    dice = random.Random(seed)
    client, judge, judged = Client(dice), Venue(), 0
    killed = dict.fromkeys(VICTIMS, 0)
    in_recovery = differ = 0
    replayed, ready_ms = [], []
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY.format(here=str(Path(__file__).parent))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with nursery, socket.create_server(("127.0.0.1", 0)) as server:
        assert nursery.stdin is not None and nursery.stdout is not None
        server.settimeout(30)
        assert nursery.stdout.readline() == "ready\n"
        for life in range(kills + 1):
            born = time.monotonic()
            nursery.stdin.write(f"{folder} {server.getsockname()[1]}\n")
            nursery.stdin.flush()
            exchange = int(nursery.stdout.readline())
            link, _ = server.accept()
            client.begin()
            with link:
                moment = MOMENTS[life % len(MOMENTS)] if life < kills else "load"
                if moment == "recovery":
                    time.sleep(dice.uniform(0, 0.06))
                    os.kill(exchange, signal.SIGKILL)
                    killed["exchange"] += 1
                    in_recovery += 1
                hello = link.makefile().readline().split()
                if hello:
                    ready_ms.append((time.monotonic() - born) * 1e3)
                    last_seq, again, digest, scribe = int(hello[0]), int(hello[1]), hello[2], int(hello[3])
                    replayed.append(again)
                    for commands, notes in read(folder, judged):
                        fresh = commands["seq"] <= last_seq
                        judge.apply(commands[fresh], notes[fresh])
                    judged = last_seq
                    differ += digest != judge.digest()
                if moment != "recovery":
                    client.talk(link, 10.0 if moment == "load" else 0.0, 1)
                    client.talk(link, dice.uniform(0, 0.05))
                    victim = VICTIMS[0] if life == kills else dice.choice(VICTIMS)
                    if life < kills:
                        killed[victim] += 1
                    if victim != "scribe":
                        os.kill(exchange, signal.SIGKILL)
                    if victim != "exchange":
                        os.kill(scribe, signal.SIGKILL)
                    client.talk(link, 10.0)  # what it had told before it died, and the end
            assert nursery.stdout.readline() == "over\n"
        nursery.stdin.close()
    # the whole journal, by an engine that was never killed, in one go
    time.sleep(0.2)
    whole = Venue()
    for commands, notes in read(folder):
        whole.apply(commands, notes)
    return {
        "kills": sum(killed.values()),
        "of": killed,
        "in_recovery": in_recovery,
        "commands": len(whole.register),
        "acknowledged": len(client.answers),
        "lost": sum(whole.register.get(name) != place for name, place in client.answers.items()),
        "twice": len(whole.twice),
        "contradictions": len(client.contradictions),
        "digests_that_differ": differ,
        "ready_ms_p50": round(float(np.median(ready_ms)), 1),
        "replayed_p50": int(np.median(replayed)),
    }


def main(json: bool = False, kills: int = 200, seed: int = 1) -> dict[str, Any]:
    """Drill; returns its table, printed unless json is set."""
    with tempfile.TemporaryDirectory(prefix="polaris-drill-") as folder:
        start = time.monotonic()
        result = drill(Path(folder), kills, seed)
        result["seconds"] = round(time.monotonic() - start, 1)
    if not json:
        print(f"kill -9 at {result['kills']} random points under load: {result['of']}, {result['in_recovery']} of them in recovery")
        for name, value in list(result.items())[3:]:
            print(f"  {name.replace('_', ' '):26} {value}")
    return result


if __name__ == "__main__":
    main()
