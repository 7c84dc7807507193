"""How every verb speaks: results on standard output, all else on standard error, and an exit code that means something."""

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, ParamSpec, TypeVar

import typer

from polaris.domain.errors import BadConfig, PolarisError, Unavailable

if TYPE_CHECKING:
    from polaris.app.settings import Settings

OK: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
NOT_THERE: Final = 3
INTERRUPTED: Final = 130
EXIT_CODES: Final = (
    "Exit codes: 0 done · 1 failed · 2 wrong use or wrong settings · 3 not running, or something outside did not answer · 130 interrupted. "
    "Every verb takes --json for machines."
)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for machines.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings file; else $POLARIS_CONFIG, else ./polaris.toml.")]
DataDir = Annotated[str | None, typer.Option("--data", metavar="DIR", help="Data folder, in place of data.dir.")]

Given = ParamSpec("Given")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]  # done, of

_debug = False


def debug(on: bool) -> None:
    """Whether errors show their traceback."""
    global _debug
    _debug = on


def verb(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Turn our errors into one clear line and an exit code; anything else is a fault of ours and keeps its traceback."""

    @functools.wraps(function)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except PolarisError as error:
            if _debug:
                traceback.print_exc()
            fail(str(error), code_of(error))
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except BrokenPipeError:  # whoever read us has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(OK) from None

    return guarded


def load_settings(config: Path | None, **flags: Any) -> "Settings":
    """The settings in force; flags are dotted keys with __ for the dot, None where not given."""
    from polaris.app.settings import load

    return load(config, flags={key.replace("__", "."): value for key, value in flags.items()}).settings


def code_of(error: PolarisError) -> int:
    """The exit code an error stands for."""
    from polaris.app.process import AlreadyRunning

    match error:
        case BadConfig():
            return WRONG_USE
        case Unavailable() | AlreadyRunning():
            return NOT_THERE
        case _:
            return FAILED


def fail(message: str, code: int) -> NoReturn:
    """Say what went wrong on one red line of standard error and leave."""
    err = errors()
    err.print(f"error: {message}", style="bold red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def errors() -> Any:
    """A rich console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def output() -> Any:
    """A rich console on standard output."""
    from rich.console import Console

    return Console(highlight=False)


def note(message: str) -> None:
    """A remark for the person at the terminal."""
    errors().print(message, style="bright_black", markup=False, soft_wrap=True)


def say(message: str) -> None:
    """One line of the result."""
    print(message, flush=True)  # noqa: T201 - this is the command line


def print_json(value: Any) -> None:
    """The result for machines: one JSON document. Numbers that JSON can't say (nan, infinity) become null."""
    say(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    import math

    import msgspec

    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case str() | int() | None:
            return value
        case Path():
            return str(value)
        case _ if hasattr(value, "item"):  # a NumPy scalar
            return _plain(value.item())
        case _:
            return _plain(msgspec.to_builtins(value))


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A progress bar on standard error where that is a terminal; yields what to call with (done, of)."""
    console = errors()
    if quiet or not console.is_terminal:
        yield lambda done, of: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of or None)


@contextmanager
def waiting(title: str, *, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """A spinner with the seconds passed; yields what to call with them."""
    console = errors()
    if quiet or not console.is_terminal:
        yield lambda seconds: None
        return
    with console.status(title) as spinner:
        yield lambda seconds: spinner.update(f"{title} {seconds:.0f} s")


@contextmanager
def stages(title: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A spinner that names what is being done; yields what to call with each name."""
    console = errors()
    if quiet or not console.is_terminal:
        yield lambda stage: None
        return
    with console.status(title) as spinner:
        yield lambda stage: spinner.update(f"{title}: {stage}")


def warm_first(*, quiet: bool = False) -> None:
    """Compile the kernels with a progress line where that was not done for exactly these sources."""
    from polaris.app.warm import is_warm, warm_kernels

    if is_warm():
        return
    if not quiet:
        note("compiling the kernels, once for this version: a minute or so")
    with progress("compiling kernels", quiet=quiet) as advance:
        warm_kernels(advance)
