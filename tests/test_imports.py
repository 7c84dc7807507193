"""The rooms of the house import only what the table in docs/architecture.md lets them.

The table is read from that page, so page and code can not drift apart: `| room | may import | never |`. In `may import`,
names of rooms are rooms and other names are libraries; a row that names any library lets no other third-party one in.
A room within a room (`exchange/gateway`) has a rule of its own, and the room around it does not look into it.
What stands after a colon is for people. Every import counts: inside functions, and for type checkers.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "polaris"
PAGE = ROOT / "docs" / "architecture.md"
ROW = re.compile(r"\|([^|]+)\|([^|]+)\|([^|]+)\|")
WORDS = re.compile(r"[a-z_][a-z0-9_]*(?:/[a-z_]+)?")


class Rule:
    """What one room may and may not import."""

    def __init__(self, room: str, may: str, never: str, rooms: set[str]) -> None:
        self.room = room
        self.everything = "everything" in may
        words = set(WORDS.findall(may)) - {"standard", "library", "everything"}
        self.rooms = (words & rooms) | {room}
        self.libraries = words - rooms
        self.never = {word for word in WORDS.findall(never.partition(":")[0]) if word in sys.stdlib_module_names} - rooms

    def fault(self, module: str) -> str:
        """Why this room must not import `module`; "" where it may."""
        if self.everything:
            return ""
        top, _, rest = module.partition(".")
        if top == "polaris":
            target = room_of(rest.split("."))
            return "" if target in self.rooms or target not in ROOMS else f"{self.room} may import {', '.join(sorted(self.rooms))}; not {target}"
        if top in self.never:
            return f"{self.room} never imports {top}"
        if self.libraries and top not in self.libraries and top not in sys.stdlib_module_names:
            return f"{self.room} may import the libraries {', '.join(sorted(self.libraries))}; not {top}"
        return ""


def room_of(parts: Sequence[str]) -> str:
    """The room of a module's or a file's parts: the inner one where the table names it."""
    inner = "/".join(parts[:2])
    return inner if inner in ROOMS else parts[0]


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
    named = {room: row for row in body for room in WORDS.findall(row[0])}
    return {room: Rule(room, row[1], row[2], set(named)) for room, row in named.items()}


RULES = rules(PAGE.read_text("utf-8"))
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
        if room_of(path.relative_to(PACKAGE).parts) != room:
            continue
        for line, module in imports(path.read_text("utf-8")):
            fault = "write the whole name" if module == "a relative import" else RULES[room].fault(module)
            if fault:
                found.append(f"{path.relative_to(ROOT)}:{line} imports {module}: {fault}")
    return found


@pytest.mark.parametrize("room", sorted({room_of(path.relative_to(PACKAGE).parts) for path in PACKAGE.rglob("*/*.py")}))
def test_a_room_imports_only_what_the_table_lets_it(room):
    assert room in ROOMS, f"{room} is in no row of the table"
    assert faults(room) == []


@pytest.mark.parametrize(
    ("room", "module", "allowed"),
    [
        ("domain", "numpy", True),
        ("domain", "httpx", False),
        ("domain", "polaris.desk.state", False),
        ("desk", "polaris.domain.market", True),
        ("desk", "time", False),
        ("desk", "asyncio", False),
        ("desk", "hashlib", True),
        ("desk", "polars", False),
        ("desk", "polaris.log.read", False),
        ("log", "polaris.desk.pipeline", False),
        ("venues", "picows", True),
        ("venues", "polaris.log.write", False),
        ("research", "polaris.venues.capture", False),
        ("views", "polaris.desk.state", False),
        ("store", "polaris.app.settings", False),
        ("app", "polaris.venues.live", True),
        ("exchange", "polaris.exchange.gateway.note", False),
        ("exchange/gateway", "polaris.exchange.words", True),
        ("exchange/gateway", "asyncio", True),
        ("exchange/gateway", "polaris.log.read", False),
    ],
)
def test_the_table_means_what_it_says(room, module, allowed):
    assert (RULES[room].fault(module) == "") == allowed


def test_every_way_to_import_is_seen():
    source = "import a.b\nfrom c.d import e\nfrom polaris import desk\ndef f():\n    import g\n    from . import h\n"
    assert [module for _, module in imports(source)] == ["a.b", "c.d", "polaris.desk", "g", "a relative import"]
