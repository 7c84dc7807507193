"""The operator's door: a socket in the exchange's folder that only its owner can open, a line asked, a line answered.

    {"do": "deposit", "account": 7, "asset": "USDT", "amount": "50000"}   ->   {"free": "50000.00000000"}

What is asked becomes a command of the core like any other: numbered, journalled, told when it is durable.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from polaris.app.exchange.house import House
from polaris.domain.errors import BadConfig, PolarisError, Unavailable, UnreadableNumber
from polaris.exchange import words as w
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.venue import Refused, command
from polaris.exchange.words import Events

NAME: Final = "control.sock"
PHASES: Final = {"continuous": w.CONTINUOUS, "auction": w.AUCTION, "halted": w.HALTED, "closed": w.CLOSED}
LINE: Final = 64 * 1024
PATIENCE_S: Final = 10.0
Document = dict[str, Any]
Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator may ask; fields a deed does not name are not looked at."""

    do: str
    account: Number = 0
    asset: str = ""
    amount: str = ""
    to: Number = 0
    symbol: str = ""  # empty: all books
    phase: str = ""
    tier: Number = 0


class Control:
    """The door of one house."""

    def __init__(self, house: House, folder: Path, stop: Callable[[], None], about: Callable[[], Document]) -> None:
        self._house, self._path, self._stop, self._about = house, folder / NAME, stop, about
        self._deeds: dict[str, Callable[[Asked], Any]] = {
            "status": lambda asked: about(),
            "stop": self._end,
            "deposit": self._pay,
            "withdraw": self._pay,
            "transfer": self._transfer,
            "phase": self._phase,
            "kill": lambda asked: self._command(command(w.KILL, account=self._account(asked, house_too=True)), killed=asked.account),
            "revive": lambda asked: self._command(command(w.REVIVE, account=self._account(asked, house_too=True)), revived=asked.account),
            "tier": lambda asked: self._command(command(w.SET_TIER, account=self._account(asked), quantity=asked.tier), account=asked.account, tier=asked.tier),
            "account": self._balances,
        }

    async def start(self) -> None:
        """Open it."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LINE)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Close it."""
        self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line without an end
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Document:
        try:
            asked = msgspec.json.decode(line, type=Asked)
            deed = self._deeds.get(asked.do)
            if deed is None:
                raise BadConfig(f"there is no {asked.do!r}; expected one of {', '.join(self._deeds)}")
            done = deed(asked)
            return await done if asyncio.iscoroutine(done) else done  # type: ignore[no-any-return]
        except TimeoutError:
            return {"error": f"not durable after {PATIENCE_S:.0f} s; it may be yet: look before you ask again"}
        except (PolarisError, Refused, UnreadableNumber, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError) as cause:
            return {"error": str(cause)}

    # deeds

    def _end(self, asked: Asked) -> Document:
        self._stop()
        return {"stopping": True}

    async def _pay(self, asked: Asked) -> Document:
        operation = w.DEPOSIT if asked.do == "deposit" else w.WITHDRAW
        asset = self._asset(asked)
        units = self._units(asked, asset)
        await self._command(command(operation, account=self._account(asked), book=asset, quantity=units))
        return self._balance(asked.account, asset)

    async def _transfer(self, asked: Asked) -> Document:
        asset = self._asset(asked)
        units = self._units(asked, asset)
        await self._command(command(w.TRANSFER, account=self._account(asked), order_id=asked.to, book=asset, quantity=units))
        return {"from": self._balance(asked.account, asset), "to": self._balance(asked.to, asset)}

    async def _phase(self, asked: Asked) -> Document:
        if asked.phase not in PHASES:
            raise BadConfig(f"phase is {asked.phase!r}; expected one of {', '.join(PHASES)}")
        book = self._house.plan.rules.book(asked.symbol) if asked.symbol else -1
        return await self._command(command(w.SET_PHASE, book=book, quantity=PHASES[asked.phase]), phase=asked.phase, symbol=asked.symbol or "all")

    def _balances(self, asked: Asked) -> Document:
        account, rules = self._account(asked), self._house.plan.rules
        return {"account": account, "balances": {asset.name: self._balance(account, number) for number, asset in enumerate(rules.assets)}}

    async def _command(self, asked: bytes, **told: Any) -> Document:
        """Have one command run; what it did is told when it is durable."""
        done: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
        seen: list[Events] = []
        venue = self._house.venue
        venue.ask([asked], [bytes(NOTE.itemsize)], None, seen.append)
        venue.after(lambda: None if done.done() else done.set_result({}), lambda: None)  # where it stays unknown, patience ends
        await asyncio.wait_for(done, PATIENCE_S)
        refused = [event for event in seen[0] if event["kind"] == w.REJECTED] if seen else []
        if refused:
            raise BadConfig(f"the exchange refuses: {w.REASON_NAMES[int(refused[0]['reason'])]}")
        return told

    def _account(self, asked: Asked, house_too: bool = False) -> int:
        least, most = 0 if house_too else 1, self._house.plan.rules.accounts - 1
        if not least <= asked.account <= most:
            raise BadConfig(f"account is {asked.account}; expected {least} to {most}")
        return asked.account

    def _asset(self, asked: Asked) -> int:
        names = [asset.name for asset in self._house.plan.rules.assets]
        if asked.asset not in names:
            raise BadConfig(f"asset is {asked.asset!r}; expected one of {', '.join(names)}")
        return names.index(asked.asset)

    def _units(self, asked: Asked, asset: int) -> int:
        units = self._house.plan.rules.assets[asset].units(asked.amount)
        if units <= 0:
            raise BadConfig(f"amount is {asked.amount!r}; expected more than 0")
        return units

    def _balance(self, account: int, asset: int) -> Document:
        rules = self._house.plan.rules
        free, locked = (rules.assets[asset].text(int(units)) for units in self._house.machine.core.balances(account)[asset])
        return {"free": free, "locked": locked}


def ask(folder: Path, **asked: Any) -> Document:
    """Ask the exchange that runs on a folder.

    raises  Unavailable where none does or it does not answer, BadConfig with its own words where it refuses
    """
    path = folder / NAME
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(PATIENCE_S + 1)
        try:
            line.connect(str(path))
            line.sendall(json.dumps(asked).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                part = line.recv(LINE)
                if not part:
                    raise Unavailable(f"the exchange on {folder} went away before it answered")
                answer += part
        except (FileNotFoundError, ConnectionRefusedError):
            raise Unavailable(f"no exchange runs on {folder}; start one with: polaris exchange") from None
        except OSError as cause:
            raise Unavailable(f"the exchange on {folder} does not answer: {cause}") from cause
    told: Document = json.loads(answer)
    if "error" in told:
        raise BadConfig(told["error"])
    return told
