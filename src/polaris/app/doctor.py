"""The doctor: what the desk needs of this machine, looked at before it is needed.

Every check is a small function that returns findings and never raises or hangs: what can wait outside has a deadline.
A key is looked for and never shown.
"""

import os
import platform
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from polaris import __version__
from polaris.app import process
from polaris.app.settings import Settings
from polaris.domain.errors import PolarisError

OLDEST_PYTHON: Final = (3, 11)
LIBRARIES: Final = ("numba", "numpy", "msgspec", "picows", "uvloop", "polars", "pyarrow", "sqlalchemy")
REACH_WITHIN_S: Final = 4.0
Level = Literal["ok", "note", "warn", "fail"]
GOOD: Final = "ok"
NOTE: Final = "note"
WARN: Final = "warn"
FAIL: Final = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. Only `fail` keeps the desk from starting."""

    name: str
    level: Level
    found: str
    advice: str = ""


def examine(settings: Settings, *, offline: bool = False) -> list[Finding]:
    """Every check, in the order a start would meet them; `offline` does not try the venues."""
    checks: list[Callable[[], list[Finding]]] = [
        _python,
        _libraries,
        _kernels,
        _clock,
        lambda: _disk(settings.data_dir),
        lambda: _port(settings),
        lambda: _keys(settings),
        lambda: _venues(settings, offline),
    ]
    return [finding for check in checks for finding in _safely(check)]


def _safely(check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except Exception as fault:
        return [Finding(name=getattr(check, "__name__", "check").strip("_<>"), level=FAIL, found=f"this check failed itself: {type(fault).__name__}: {fault}")]


def _python() -> list[Finding]:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    if sys.version_info < OLDEST_PYTHON:
        return [Finding(name="python", level=FAIL, found=found, advice="install Python 3.11 or newer")]
    if platform.system() != "Linux":
        return [Finding(name="python", level=WARN, found=found, advice="only Linux is tested")]
    return [Finding(name="python", level=GOOD, found=found)]


def _libraries() -> list[Finding]:
    parts, absent = [f"polaris {__version__}"], []
    for name in LIBRARIES:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            absent.append(name)
    if absent:
        return [Finding(name="libraries", level=FAIL, found=f"missing: {', '.join(absent)}", advice="install them with: make dev-setup")]
    return [Finding(name="libraries", level=GOOD, found=", ".join(parts))]


def _kernels() -> list[Finding]:
    from polaris.domain.kernel import JIT, cache_dir

    if not JIT:
        return [Finding(name="kernels", level=WARN, found="the compiler is switched off (NUMBA_DISABLE_JIT)", advice="unset it: plain Python is a hundred times slower")]
    count = len(list(cache_dir().rglob("*.nbi")))
    if not count:
        return [Finding(name="kernels", level=WARN, found="not compiled yet", advice="compile them now with: polaris warm")]
    return [Finding(name="kernels", level=GOOD, found=f"{count} compiled, in {cache_dir()}")]


def _clock() -> list[Finding]:
    """Wall time against monotonic time: they drift apart where something steps the clock."""
    offsets = []
    for _ in range(20):
        offsets.append(time.time_ns() - time.monotonic_ns())
        time.sleep(0.01)
    apart_ms = (max(offsets) - min(offsets)) / 1e6
    if time.time() < 1_700_000_000:
        return [Finding(name="clock", level=FAIL, found=f"it says {time.strftime('%Y-%m-%d', time.gmtime())}", advice="set the clock")]
    if apart_ms > 5:
        return [Finding(name="clock", level=WARN, found=f"stepped by {apart_ms:.1f} ms within 0.2 s", advice="let NTP slew it instead of stepping it")]
    return [Finding(name="clock", level=GOOD, found=f"steady within {apart_ms:.2f} ms, resolution {time.get_clock_info('time').resolution * 1e9:.0f} ns")]


def _disk(data_dir: Path) -> list[Finding]:
    nearest = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return [Finding(name="data folder", level=FAIL, found=f"{nearest} can't be written", advice="choose another with data.dir or --data")]
    findings = [Finding(name="data folder", level=GOOD, found=f"{data_dir} {'is' if nearest == data_dir else 'can be made and is'} writable")]
    usage = os.statvfs(nearest)
    free_gb = usage.f_bavail * usage.f_frsize / 1e9
    level: Level = FAIL if free_gb < 0.2 else WARN if free_gb < 5 else GOOD
    findings.append(Finding(name="disk space", level=level, found=f"{free_gb:.1f} GB free", advice="" if level == GOOD else "a day of busy books takes some GB: free some"))
    sync_ms = statistics.median(_sync_times_ms(nearest))
    slow = sync_ms > 50
    findings.append(
        Finding(name="disk sync", level=WARN if slow else GOOD, found=f"{sync_ms:.1f} ms for 4 KB", advice="the log falls behind on such a disk" if slow else "")
    )
    return findings


def _sync_times_ms(folder: Path) -> list[float]:
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(5):
            file.write(b"\0" * 4096)
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e3)
    return times


def _port(settings: Settings) -> list[Finding]:
    host, port = settings.server.host, settings.server.port
    desk = process.running(settings.data_dir)
    if desk is not None:
        return [Finding(name="desk", level=NOTE, found=f"one runs on this data folder: process {desk.pid}, port {desk.port}")]
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as cause:
        return [Finding(name="port", level=FAIL, found=f"{host}:{port} can't be opened: {cause.strerror}", advice="choose another with server.port or --port")]
    return [Finding(name="port", level=GOOD, found=f"{host}:{port} is free")]


def _keys(settings: Settings) -> list[Finding]:
    findings = []
    for name, venue in settings.venues.enabled().items():
        for key, secret in (("api_key", venue.api_key), ("api_secret", venue.api_secret)):
            if not secret:
                continue
            try:
                secret.resolve()
                findings.append(Finding(name=f"{name}.{key}", level=GOOD, found=f"present ({secret.where.partition(':')[0]})"))
            except PolarisError as error:
                findings.append(Finding(name=f"{name}.{key}", level=WARN, found=str(error)))
    return findings or [Finding(name="keys", level=NOTE, found="none given; public data and paper trading need none")]


def _venues(settings: Settings, offline: bool) -> list[Finding]:
    if settings.market.recording is not None:
        path = settings.market.recording
        if path.is_file():
            return [Finding(name="recording", level=GOOD, found=f"{path} ({path.stat().st_size / 1e6:.1f} MB)")]
        return [Finding(name="recording", level=FAIL, found=f"there is no {path}")]
    if settings.market.source != "live":
        return [Finding(name="venues", level=NOTE, found="not needed: the built-in market runs on this machine")]
    if offline:
        return [Finding(name="venues", level=NOTE, found="not tried (--offline)")]
    urls = {f"{name} {what}": url for name, venue in settings.venues.enabled().items() for what, url in (("socket", venue.ws_url), ("rest", venue.rest_url))}
    return _reach(urls, REACH_WITHIN_S)


def _reach(urls: dict[str, str], within_s: float) -> list[Finding]:
    """Connect to every url at once, all within one deadline: threads that hang in name resolution are left behind."""
    answers: dict[str, Finding] = {}

    def knock(name: str, url: str) -> None:
        answers[name] = _knock(name, url, within_s)

    threads = [threading.Thread(target=knock, args=pair, daemon=True) for pair in urls.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + within_s + 0.5
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    silent = "the market can't be live without it; the built-in one needs no network"
    return [
        answers.get(name) or Finding(name=name, level=FAIL, found=f"{url} did not answer within {within_s:.0f} s", advice=silent)
        for name, url in urls.items()
    ]  # fmt: skip


def _knock(name: str, url: str, within_s: float) -> Finding:
    parts = urlsplit(url)
    secure = parts.scheme in ("wss", "https")
    address = (parts.hostname or "", parts.port or (443 if secure else 80))
    begun = time.perf_counter()
    try:
        with socket.create_connection(address, timeout=within_s) as plain:
            if secure:
                with ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname):
                    pass
    except OSError as cause:
        return Finding(name=name, level=FAIL, found=f"{url} can't be reached: {cause}", advice="check the network, a proxy, or the address in the settings")
    return Finding(name=name, level=GOOD, found=f"{url} answers in {(time.perf_counter() - begun) * 1e3:.0f} ms")
