"""The command line: `polaris VERB`, each a short function over one room of the house.

What costs time to import (kernels, data frames, sockets) is imported inside the verb that needs it, so `polaris --help`
and `polaris version` answer at once. Standard output is the result and nothing else; progress, notes and errors go to
standard error.
"""

import os
from typing import Annotated

import typer

from polaris.app.cli import captures, catalog, exchange, feeds, research, running, upkeep, venues
from polaris.app.cli.console import EXIT_CODES, debug

app = typer.Typer(
    name="polaris",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)


@app.callback()
def polaris(
    full_trace: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.", envvar="POLARIS_DEBUG")] = False,
) -> None:
    """An autonomous crypto trading desk: the same core in backtest, on paper and live."""
    debug(full_trace)


for room in (running, exchange, feeds, venues, captures, catalog, research, upkeep):
    room.add_to(app)


def main() -> None:
    """The entry point of the `polaris` script."""
    os.environ.setdefault("PYTHONUTF8", "1")
    app(prog_name="polaris")
