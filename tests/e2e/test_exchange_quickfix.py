"""QuickFIX, the field's own engine, logs on, trades and reads the market with its data dictionary as the judge of every message.

It is built from source for minutes, so it is no dependency of ours: where `pip install quickfix` was not done this is skipped.
"""

import asyncio
import queue
from pathlib import Path
from typing import Any

import pytest

from polaris.domain.orders import BUY, SELL
from tests.e2e.fix_client import now_text
from tests.e2e.small_venue import SmallVenue, until
from tests.e2e.test_exchange_fix import ACCOUNT, acceptor

fix = pytest.importorskip("quickfix", reason="quickfix is not installed")
MODULE = Path(fix.__file__).resolve()
DICTIONARY = next((folder / "share" / "quickfix" / "FIX44.xml" for folder in MODULE.parents if (folder / "share" / "quickfix" / "FIX44.xml").is_file()), None)


class Application(fix.Application):
    """What the engine calls, on a thread of its own."""

    def __init__(self, key: str, secret: str) -> None:
        super().__init__()
        self.key, self.secret = key, secret
        self.session: Any = None
        self.logons = 0
        self.heard: queue.Queue[dict[int, str]] = queue.Queue()
        self.rejects: list[str] = []

    def onCreate(self, session: Any) -> None:
        self.session = session

    def onLogon(self, session: Any) -> None:
        self.logons += 1

    def onLogout(self, session: Any) -> None: ...

    def toAdmin(self, message: Any, session: Any) -> None:
        kind = message.getHeader().getField(35)
        if kind == "A":
            message.setField(553, self.key)
            message.setField(554, self.secret)
        if kind in "3j":
            self.rejects.append(message.toString())

    def fromAdmin(self, message: Any, session: Any) -> None: ...

    def toApp(self, message: Any, session: Any) -> None:
        if message.getHeader().getField(35) == "j":
            self.rejects.append(message.toString())

    def fromApp(self, message: Any, session: Any) -> None:
        found: dict[int, str] = {}
        for piece in message.toString().split("\x01")[:-1]:
            tag, _, value = piece.partition("=")
            found.setdefault(int(tag), value)
        self.heard.put(found)

    async def hear(self, kind: str) -> dict[int, str]:
        """The next message of a type."""
        while True:
            await until(lambda: not self.heard.empty())
            found = self.heard.get()
            if found[35] == kind:
                return found

    def say(self, kind: str, *body: tuple[int, str], group: tuple[int, int, list[str]] | None = None) -> None:
        message = fix.Message()
        message.getHeader().setField(8, "FIX.4.4")
        message.getHeader().setField(35, kind)
        for tag, value in body:
            message.setField(tag, value)
        if kind == "V":
            for count, member, values in ((267, 269, ["0", "1", "2"]), (146, 55, ["BTCUSDT"])):
                for value in values:
                    entry = fix.Group(count, member)
                    entry.setField(member, value)
                    message.addGroup(entry)
        assert fix.Session.sendToTarget(message, self.session)


def engine(application: Application, port: int, folder: Path, reset: str, expects: str = "N") -> Any:
    dictionary = f"UseDataDictionary=Y\nDataDictionary={DICTIONARY}" if DICTIONARY else "UseDataDictionary=N"
    (folder / "engine.cfg").write_text(
        f"[DEFAULT]\nConnectionType=initiator\nReconnectInterval=1\nFileStorePath={folder}/store\nFileLogPath={folder}/log\n"
        f"StartTime=00:00:00\nEndTime=00:00:00\nHeartBtInt=30\n{dictionary}\nResetOnLogon={reset}\nSendNextExpectedMsgSeqNum={expects}\n"
        f"[SESSION]\nBeginString=FIX.4.4\nSenderCompID=QUICK\nTargetCompID=POLARIS\nSocketConnectHost=127.0.0.1\nSocketConnectPort={port}\n"
    )
    settings = fix.SessionSettings(str(folder / "engine.cfg"))
    return fix.SocketInitiator(application, fix.FileStoreFactory(settings), settings, fix.FileLogFactory(settings))


@pytest.mark.parametrize("reset", ["Y", "N"])
async def test_quickfix_trades_and_finds_no_fault_in_what_it_is_sent(tmp_path, reset):
    async with SmallVenue() as here, acceptor(here, tmp_path / "sessions") as accepting:
        key, secret = here.keys.create_hmac(ACCOUNT)
        application = Application(key.name, secret)
        initiator = engine(application, accepting.port, tmp_path, reset)
        initiator.start()
        try:
            await until(lambda: application.logons == 1)
            order = ((55, "BTCUSDT"), (54, "1"), (60, now_text()))
            application.say("D", (11, "a1"), *order, (38, "1"), (40, "2"), (44, "50000"), (59, "1"))
            assert (await application.hear("8"))[150] == "0"
            application.say("G", (41, "a1"), (11, "a2"), *order, (38, "0.8"), (40, "2"), (44, "50010"), (59, "1"))
            assert (await application.hear("8"))[150] == "5"
            here.order(SELL, "50010.00", "0.3")
            fill = await application.hear("8")
            assert (fill[150], fill[14], fill[151], fill[6]) == ("F", "0.30000", "0.50000", "50010")
            application.say("F", (41, "a2"), (11, "c1"), *order)
            assert (await application.hear("8"))[150] == "4"
            application.say("F", (41, "a2"), (11, "c2"), *order)
            assert (await application.hear("9"))[102] == "1"
            application.say("D", (11, "s1"), *order, (38, "1"), (40, "4"), (44, "52000"), (99, "51000"), (59, "6"), (126, now_text(60)))
            assert (await application.hear("8"))[99] == "51000.00"
            application.say("AF", (584, "o1"), (585, "7"))
            status = await application.hear("8")
            assert (status[584], status[911], status[912], status[11]) == ("o1", "1", "Y", "s1")
            application.say("q", (11, "m1"), (530, "7"), (60, now_text()))
            assert (await application.hear("r"))[533] == "1"
            assert (await application.hear("8"))[150] == "4"
            application.say("AF", (584, "o2"), (585, "7"))
            assert (await application.hear("8"))[911] == "0"
            application.say("H", (11, "c1"), (55, "BTCUSDT"), (54, "1"))
            assert (await application.hear("8"))[39] == "4"
            application.say("V", (262, "r1"), (263, "1"), (264, "0"), (265, "1"))
            await application.hear("W")
            here.order(BUY, "49000.00", "1")
            assert (await application.hear("X"))[268] == "1"
            here.trade("50000.00", "0.1")
            await application.hear("X")
            application.say("x", (320, "l1"), (559, "4"))
            assert (await application.hear("y"))[146] == "2"
            application.say("e", (324, "e1"), (55, "BTCUSDT"), (263, "0"))
            assert (await application.hear("f"))[326] == "17"
            application.say("g", (335, "g1"), (263, "0"))
            assert (await application.hear("h"))[340] == "2"
            application.say("D", (11, "cash"), *order, (152, "500"), (40, "1"))
            assert [(await application.hear("8"))[150] for _ in range(2)] == ["0", "C"]
            application.say("D", (11, "bad"), *order, (38, "0"), (40, "2"), (44, "50000"), (59, "1"))
            assert (await application.hear("8"))[39] == "8"
            [line] = accepting.lines
            line.cut("the line breaks")
            application.heard = queue.Queue()
            await until(lambda: application.logons == 2)
            application.say("D", (11, "a9"), *order, (38, "1"), (40, "2"), (44, "45000"), (59, "1"))
            assert (await application.hear("8"))[11] == "a9"
            assert application.rejects == []
        finally:
            await asyncio.to_thread(initiator.stop, True)


@pytest.mark.parametrize("expects", ["N", "Y"])
async def test_quickfix_is_sent_again_what_it_missed(tmp_path, expects):
    """Asked for by a ResendRequest, or by the NextExpectedMsgSeqNum of its logon."""
    async with SmallVenue() as here, acceptor(here, tmp_path / "sessions") as accepting:
        key, secret = here.keys.create_hmac(ACCOUNT)
        application = Application(key.name, secret)
        initiator = engine(application, accepting.port, tmp_path, "N", expects)
        initiator.start()
        try:
            await until(lambda: application.logons == 1)
            application.say("D", (11, "a1"), (55, "BTCUSDT"), (54, "1"), (60, now_text()), (38, "1"), (40, "2"), (44, "50000"), (59, "1"))
            assert (await application.hear("8"))[150] == "0"
            [line] = accepting.lines
            line.cut("the line breaks")
            here.order(SELL, "50000.00", "1")  # fills while nobody is connected
            missed = await application.hear("8")
            assert (missed[150], missed[39], missed[43]) == ("F", "2", "Y")
            [line] = accepting.lines
            assert line.participant.record.next_in > 3
            application.say("D", (11, "a2"), (55, "BTCUSDT"), (54, "1"), (60, now_text()), (38, "1"), (40, "2"), (44, "45000"), (59, "1"))
            assert (await application.hear("8"))[11] == "a2"
            assert application.rejects == []
        finally:
            await asyncio.to_thread(initiator.stop, True)
