"""The verb `venues`: which there are, what of each we read, and what watches over it."""

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from polaris.app.cli.console import Json, note, output, print_json, verb

EXTRA = "polaris-synapse[ccxt]"
OWN, CCXT = "own", "ccxt"


def add_to(app: typer.Typer) -> None:
    """Put this verb on the command line."""
    app.command()(venues)


@verb
def venues(
    every: Annotated[bool, typer.Option("--all", help="Also list each venue of the long tail.")] = False,
    as_json: Json = False,
) -> None:
    """List the venues: our own connectors, and the long tail through ccxt.

    Orders are locked to this machine: LIVE needs its keys, its switch and its check.

    \b
    Examples:
      polaris venues
      polaris venues --json | jq '.venues[] | select(.orders) | .name'
    """
    own, tail = own_venues(), long_tail()
    if as_json:
        return print_json({"venues": own + tail})
    from rich.table import Table

    shown = own + (tail if every else [])
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bright_black")
    for column in ("Venue", "Products", "Data", "Orders", "Documents", "Asks/s"):
        table.add_column(column, justify="right" if column in ("Documents", "Asks/s") else "left", no_wrap=True)
    for each in shown:
        table.add_row(
            each["name"] + (" (ccxt)" if each["kind"] == CCXT else ""),
            ", ".join(each["products"]),
            ", ".join(each["market_data"]) or "-",
            "yes" if each["orders"] else "-",
            str(each["documents"] or "-"),
            f"{each['requests_per_second']:g}" if each["requests_per_second"] else "-",
        )
    output().print(table)
    guards = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bright_black")
    guards.add_column("How a loss shows", no_wrap=True)
    guards.add_column("")
    for each in own:
        guards.add_row(each["name"], each["guard"] or "-")
    output().print()
    output().print(guards)
    if not every:
        note(f"and {len(tail)} through ccxt, orders only: {', '.join(each['name'] for each in tail)} (--all shows them)")
    if not tail[0]["installed"]:
        note(f"those through ccxt need {EXTRA}: pip install '{EXTRA}'")
    return None


def own_venues() -> list[dict[str, Any]]:
    """Our own connectors, and those that other packages brought."""
    from polaris.venues import registry

    listed = []
    for name in registry.names():
        venue, folder = registry.venue(name), registry.folder(name)
        hosts = [venue.public.rest_url, venue.public.ws_url, *([venue.orders_url] if venue.orders_url else [])]
        listed.append(
            {
                "name": name,
                "kind": OWN,
                "folder": folder,
                "installed": True,
                "needs": "",
                "products": list(venue.products),
                "market_data": ["books", "trades"] if venue.books else ["bars", "trades"],
                "orders": venue.orders is not None,
                "documents": _documents(folder),
                "guard": venue.guard,
                "trades_numbered": venue.trades_numbered,
                "requests_per_second": venue.limits.rest_per_second,
                "messages_per_second": venue.limits.messages_per_second,
                "hosts": hosts,
            }
        )
    return listed


def long_tail() -> list[dict[str, Any]]:
    """The venues that come through ccxt: their private side, and nothing else."""
    from polaris.domain.instrument import Product
    from polaris.venues.ccxt.tail import LONG_TAIL

    installed = find_spec("ccxt") is not None
    return [
        {
            "name": tail.name,
            "kind": CCXT,
            "folder": "polaris.venues.ccxt",
            "installed": installed,
            "needs": EXTRA,
            "products": [Product.SPOT],
            "market_data": [],
            "orders": True,
            "documents": 0,
            "guard": "",
            "trades_numbered": False,
            "requests_per_second": 0.0,
            "messages_per_second": 0.0,
            "hosts": [tail.url],
        }
        for tail in LONG_TAIL.values()
    ]


def _documents(folder: str) -> int:
    """How many kinds of REST documents a venue's folder has types for."""
    if find_spec(f"{folder}.documents") is None:
        return 0
    return len(getattr(import_module(f"{folder}.documents"), "DOCUMENTS", ()))
