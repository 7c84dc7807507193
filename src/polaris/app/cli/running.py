"""The verbs of the running desk: start, stop, status, logs."""

import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polaris.app.cli.console import (
    FAILED,
    NOT_THERE,
    Config,
    DataDir,
    Json,
    fail,
    load_settings,
    note,
    output,
    print_json,
    say,
    verb,
    waiting,
    warm_first,
)
from polaris.domain.errors import BadConfig, Unavailable

if TYPE_CHECKING:
    from polaris.app.process import Running
    from polaris.app.settings import Settings
    from polaris.app.status import Status


def add_to(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    for command in (start, stop, status, logs):
        app.command()(command)


@verb
def start(
    market: Annotated[str | None, typer.Option("--market", "-m", metavar="SOURCE", help="builtin, live, or recording:FILE.")] = None,
    mode: Annotated[str | None, typer.Option(help="observe (no orders) or paper (no real ones).")] = None,
    speed: Annotated[float | None, typer.Option(help="Speed of a recording, times real time, 0 for as fast as it goes; of the built-in market's traders.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the built-in market.")] = None,
    port: Annotated[int | None, typer.Option(help="Loopback port for /status and /metrics; 0 is any free one.")] = None,
    data: DataDir = None,
    config: Config = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave the desk running in the background.")] = False,
    screen: Annotated[bool, typer.Option("--screen/--no-screen", help="The live view, where standard output is a terminal.")] = True,
    run_for: Annotated[str | None, typer.Option("--for", metavar="DURATION", help='Stop by itself after this long, such as "30 s".')] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new log; the old one is kept beside it.")] = False,
    as_json: Json = False,
    parent: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Start the desk: on paper, on the built-in market, unless told otherwise.

    On the built-in market its orders go to that exchange, elsewhere their fills are simulated.
    On a terminal it shows the live view; Ctrl-C stops the desk. Elsewhere it prints one line now and then.

    \b
    Examples:
      polaris start
      polaris start --market live --detach
      polaris start --market recording:coinbase.jsonl.zst --speed 10
    """
    from polaris.app import process
    from polaris.app.configuration import duration_ns
    from polaris.app.settings import at_the_start, load, refuse_live

    flags = {"market__source": _recording_path(market), "mode": mode, "market__speed": speed, "market__seed": seed, "server__port": port, "data__dir": data}
    settings = at_the_start(load(config, flags={key.replace("__", "."): value for key, value in flags.items()}))
    refuse_live(settings)
    if settings.market.recording and not settings.market.recording.is_file():
        raise BadConfig(f"market.source: there is no recording {settings.market.recording}")
    try:
        seconds = duration_ns(run_for) / 1e9 if run_for else None
    except ValueError as cause:
        raise BadConfig(f"--for: {cause}") from cause

    process.refuse_second(settings.data_dir)
    warm_first(quiet=as_json)
    same_again = ["start", "--no-screen", *_arguments(flags), *(["--config", str(config)] if config else []), *(["--for", run_for] if run_for else []), *(["--fresh"] if fresh else [])]
    if detach:
        _start_behind(settings, same_again, as_json)
    elif screen and not as_json and sys.stdout.isatty():
        _start_with_view(settings, [*same_again, "--parent", str(os.getpid())])
    else:
        _run_here(settings, seconds, parent, as_json, fresh)


@verb
def stop(
    data: DataDir = None,
    config: Config = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for it.")] = 30.0,
    force: Annotated[bool, typer.Option("--force", help="Kill it where it does not stop in time; its log survives that.")] = False,
    if_running: Annotated[bool, typer.Option("--if-running", help="Succeed where no desk runs.")] = False,
    as_json: Json = False,
) -> None:
    """Stop the desk of this data folder cleanly and wait until it is gone.

    \b
    Example:
      polaris stop --timeout 10 --force
    """
    from polaris.app import process

    settings = load_settings(config, data__dir=data)
    desk = process.running(settings.data_dir)
    if desk is None:
        if not if_running:
            fail(_none_runs(settings), NOT_THERE)
        return print_json({"stopped": False}) if as_json else note(_none_runs(settings))
    with waiting(f"stopping the desk (process {desk.pid})", quiet=as_json) as tick:
        seconds = process.stop(desk, timeout_s=timeout, force=force, waiting=tick)
    if as_json:
        return print_json({"stopped": True, "pid": desk.pid, "seconds": round(seconds, 3)})
    return say(f"the desk (process {desk.pid}) stopped after {seconds:.1f} s")


@verb
def status(
    data: DataDir = None,
    config: Config = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing it; Ctrl-C leaves, the desk runs on.")] = False,
    as_json: Json = False,
) -> None:
    """Show how the running desk is.

    \b
    Examples:
      polaris status
      polaris status --watch
      polaris status --json | jq .account.equity
    """
    from polaris.app import process
    from polaris.app import watch as view

    settings = load_settings(config, data__dir=data)
    desk = process.running(settings.data_dir)
    if desk is None:
        fail(_none_runs(settings), NOT_THERE)
    if watch and sys.stdout.isatty():
        try:
            view.watch(*_eyes_on(desk), output())
        except KeyboardInterrupt:
            return None
        return note("the desk has stopped")
    now = process.status(desk)
    if as_json:
        import msgspec

        return print_json(msgspec.to_builtins(now))
    from polaris.app.screen import render

    console = output()
    console.print(render(now, console.width, max(36, len(now.instruments) * 3 + 24)))
    return None


@verb
def logs(
    data: DataDir = None,
    config: Config = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing lines as they come.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.")] = 50,
    as_json: Json = False,
) -> None:
    """Print what the desk in the background wrote for people.

    These are log lines; the record of every event is the log that `polaris replay` reads.

    \b
    Example:
      polaris logs -f
    """
    from polaris.app import process

    path = load_settings(config, data__dir=data).data_dir / process.LOG_FILE
    if not path.exists():
        fail(f"there is no {path}: no desk ran in the background on this data folder; start one with: polaris start --detach", NOT_THERE)
    text = process.last_lines(path, lines)
    if as_json:
        return print_json({"path": str(path), "lines": text.splitlines()})
    if text:
        say(text)
    if follow:
        for line in process.follow(path):
            say(line)
    return None


def _start_behind(settings: "Settings", arguments: list[str], as_json: bool) -> None:
    from polaris.app import process

    with waiting("starting the desk", quiet=as_json) as tick:
        desk = process.start_detached(arguments, settings.data_dir, waiting=tick)
    url = f"http://{desk.host}:{desk.port}"
    if as_json:
        print_json({"pid": desk.pid, "url": url, "data": str(settings.data_dir), "log": str(settings.data_dir / process.LOG_FILE)})
    else:
        say(f"the desk runs in the background (process {desk.pid}), {settings.mode} on the {settings.market.source} market")
        say(f"  look: polaris status --watch   stop: polaris stop   metrics: {url}/metrics")


def _start_with_view(settings: "Settings", arguments: list[str]) -> None:
    """The desk in a process of its own, this one draws: see polaris.app.watch."""
    from polaris.app import process, watch
    from polaris.app.screen import line

    def ended(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGHUP, ended)
    desk = None
    interrupted = False
    try:
        with waiting("starting the desk") as tick:
            desk = process.start_detached(arguments, settings.data_dir, waiting=tick)
        last = watch.watch(*_eyes_on(desk), output())
    except KeyboardInterrupt:
        interrupted = True
        desk = desk or process.running(settings.data_dir)
        last = None
        if desk is not None:
            try:
                last = process.status(desk)
            except Unavailable:
                last = None
            with waiting("stopping the desk") as tick:
                process.stop(desk, waiting=tick)
    if last is not None:
        say(line(last))
    if interrupted:
        return note("the desk stopped")
    log = settings.data_dir / process.LOG_FILE
    if desk is not None and process.exit_code(desk) != 0:
        fail(f"the desk ended by a fault; the end of {log}:\n{process.last_lines(log, 12)}", FAILED)
    return note("the desk ended: its market did")


def _run_here(settings: "Settings", seconds: float | None, parent: int, as_json: bool, fresh: bool) -> None:
    """The desk in this very process, until SIGTERM, Ctrl-C, or `seconds` have passed."""
    from polaris.app import logging, process, watch

    if parent:
        _end_with(parent)
    logging.configure(settings.logging.format, settings.logging.level)
    with process.claim(settings.data_dir, settings.server.host, settings.server.port) as tell:
        from polaris.app.run import run_desk

        ended = threading.Event()

        def opened(port: int) -> None:
            tell(port)
            if seconds is not None:  # from here on: what its market took to open is not the desk's time
                timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
                timer.daemon = True
                timer.start()

        if not parent:
            ask = _asker(settings.data_dir)
            threading.Thread(target=watch.now_and_then, args=(ask, lambda: not ended.is_set(), watch.say_in_a_line), daemon=True).start()
        try:
            last = _run(run_desk(settings, opened, fresh=fresh))
        finally:
            ended.set()
    if as_json and last is not None:
        import msgspec

        print_json(msgspec.to_builtins(last))


def _run(main: Any) -> Any:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def _asker(data_dir: Path) -> Any:
    from polaris.app import process

    def ask() -> Any:
        desk = process.running(data_dir)
        if desk is None:
            raise Unavailable("the desk is starting")
        return process.status(desk)

    return ask


def _eyes_on(desk: "Running") -> tuple[Callable[[], "Status"], Callable[[], bool]]:
    """How to ask this desk and how to see whether it is there, as polaris.app.watch takes them."""
    from polaris.app import process

    return (lambda: process.status(desk)), (lambda: process.birth(desk.pid) == desk.birth)


def _end_with(parent: int) -> None:
    """Have the kernel send us SIGTERM when the process that draws us dies, however it dies."""
    set_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    ctypes.CDLL(None, use_errno=True).prctl(set_death_signal, signal.SIGTERM)
    if os.getppid() != parent:
        fail("the terminal that started this desk is gone", FAILED)


def _recording_path(market: str | None) -> str | None:
    """recording:FILE with the file made absolute, as the desk may run elsewhere."""
    if market and market.startswith("recording:") and market != "recording:":
        return "recording:" + str(Path(market.removeprefix("recording:")).expanduser().resolve())
    return market


def _arguments(flags: dict[str, Any]) -> list[str]:
    names = {"market__source": "--market", "data__dir": "--data"}
    return [text for key, value in flags.items() if value is not None for text in (names.get(key, f"--{key.rpartition('__')[2]}"), str(value))]


def _none_runs(settings: "Settings") -> str:
    return f"no desk runs on {settings.data_dir}; start one with: polaris start"


