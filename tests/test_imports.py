"""The rooms of the house import only what the table in docs/architecture.md lets them.

The table is read from that page, so page and code can not drift apart: `| room | may import | never |`. In `may import`,
names of rooms are rooms and other names are libraries; a row that names any library lets no other third-party one in.
A name in brackets widens or narrows one part of a room: "domain (`paper` also exchange)", "exchange (without gateway)".
Every import counts: inside functions, and for type checkers.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "polaris"
PAGE = ROOT / "docs" / "architecture.md"
TABLE = """
| room | may import | never |
|---|---|---|
| domain, amm | standard library, msgspec, numpy, numba | any other room |
| desk, exchange (without gateway) | domain, amm, numpy, numba, msgspec | each other, log, venues, asyncio, time, logging |
| log | domain | desk, venues |
| venues | domain (`paper` also exchange) | desk, log: it is handed an inbox |
| research | domain, log, desk, exchange, amm | venues, api |
| views, store, agents, compliance, api | domain, log, views, store | the desk's memory |
| app | everything | be imported |
"""
ROW = re.compile(r"\|([^|]+)\|([^|]+)\|([^|]+)\|")
WORDS = re.compile(r"[a-z_][a-z0-9_]*")


class Rule:
    """What one room may and may not import."""

    def __init__(self, room: str, may: str, never: str, rooms: set[str]) -> None:
        self.room = room
        self.everything = "everything" in may
        widened = dict(re.findall(r"\(`(\w+)` also (\w+)\)", may))
        words = set(WORDS.findall(re.sub(r"\([^)]*\)", "", may))) - {"standard", "library", "everything"}
        self.rooms = (words & rooms) | {room}
        self.libraries = words - rooms
        self.also = widened
        self.never = {word for word in WORDS.findall(never.partition(":")[0]) if word in sys.stdlib_module_names} - rooms

    def fault(self, part: str, module: str) -> str:
        """Why `part` of this room must not import `module`; "" where it may."""
        if self.everything:
            return ""
        top, _, rest = module.partition(".")
        if top == "polaris":
            target = rest.partition(".")[0]
            allowed = self.rooms | ({self.also[part]} if part in self.also else set())
            return "" if not target or target in allowed or target not in ROOMS else f"{self.room} may import {', '.join(sorted(allowed))}; not {target}"
        if top in self.never:
            return f"{self.room} never imports {top}"
        if self.libraries and top not in self.libraries and top not in sys.stdlib_module_names:
            return f"{self.room} may import the libraries {', '.join(sorted(self.libraries))}; not {top}"
        return ""


def rules(table: str) -> dict[str, Rule]:
    """The rule of every room that the table names."""
    rows = [tuple(cell.strip() for cell in found.groups()) for found in map(ROW.match, table.splitlines()) if found]
    start = next(place for place, row in enumerate(rows) if row[0] == "room" and row[1] == "may import")
    body = []
    for row in rows[start + 1 :]:
        if not row[0].strip("-: "):
            continue
        body.append(row)
        if row[0] == "app":
            break
    named = {room: row for row in body for room in WORDS.findall(re.sub(r"\([^)]*\)", "", row[0]))}
    return {room: Rule(room, row[1], row[2], set(named)) for room, row in named.items()}


RULES = rules(PAGE.read_text("utf-8") if PAGE.exists() else TABLE)
ROOMS = set(RULES)


def imports(source: str) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in a file; `from polaris import desk` imports polaris.desk."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=module, names=names, level=0) if module == "polaris":
                yield from ((node.lineno, f"polaris.{name.name}") for name in names)
            case ast.ImportFrom(module=module, level=0) if module is not None:
                yield node.lineno, module
            case ast.ImportFrom():
                yield node.lineno, "a relative import"


def faults(room: str) -> list[str]:
    found = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        inside = path.relative_to(PACKAGE / room)
        for line, module in imports(path.read_text("utf-8")):
            fault = "write the whole name" if module == "a relative import" else RULES[room].fault(inside.parts[0].removesuffix(".py"), module)
            if fault:
                found.append(f"{path.relative_to(ROOT)}:{line} imports {module}: {fault}")
    return found


@pytest.mark.parametrize("room", sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))))
def test_a_room_imports_only_what_the_table_lets_it(room):
    assert room in ROOMS, f"{room} is in no row of the table"
    assert faults(room) == []


@pytest.mark.parametrize(
    ("room", "part", "module", "allowed"),
    [
        ("domain", "market", "numpy", True),
        ("domain", "market", "httpx", False),
        ("domain", "market", "polaris.desk.state", False),
        ("desk", "pipeline", "polaris.domain.market", True),
        ("desk", "pipeline", "time", False),
        ("desk", "pipeline", "asyncio", False),
        ("desk", "pipeline", "hashlib", True),
        ("desk", "pipeline", "polars", False),
        ("desk", "pipeline", "polaris.log.read", False),
        ("log", "read", "polaris.desk.pipeline", False),
        ("venues", "session", "picows", True),
        ("venues", "session", "polaris.log.write", False),
        ("venues", "paper", "polaris.exchange", True),
        ("venues", "coinbase", "polaris.exchange", False),
        ("research", "data", "polaris.venues.capture", False),
        ("views", "desk", "polaris.desk.state", False),
        ("store", "tables", "polaris.app.settings", False),
        ("app", "run", "polaris.venues.live", True),
    ],
)
def test_the_table_means_what_it_says(room, part, module, allowed):
    assert (RULES[room].fault(part, module) == "") == allowed


def test_every_way_to_import_is_seen():
    source = "import a.b\nfrom c.d import e\nfrom polaris import desk\ndef f():\n    import g\n    from . import h\n"
    assert [module for _, module in imports(source)] == ["a.b", "c.d", "polaris.desk", "g", "a relative import"]
