"""The one way a function of ours is compiled.

`kernel` is numba's njit with our settings. Compiled code is kept in a cache folder whose name is a hash of every
source file that holds kernels or their constants: numba notices an edit in a kernel's own file only, not in a kernel it calls, and a stale
callee would be a wrong trade. `NUMBA_DISABLE_JIT=1` runs the same source as plain Python, with bit-equal results:
no fastmath, no library exp or log, no division by zero left to the platform.
"""

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np

PACKAGE = Path(__file__).resolve().parent.parent
KERNEL_ROOMS = ("domain", "desk", "exchange", "amm")
EDGES = ("exchange/gateway/", "exchange/simulation/")  # around a core, not of it


def sources_digest() -> str:
    """The first 16 hex digits of a SHA-256 over every source a kernel is made of and the versions that compile it.

    Those are the files of the rooms that hold kernels, and any other file with one.
    """
    digest = hashlib.sha256(f"{sys.version}|{numba.__version__}|{np.__version__}".encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        source, name = path.read_bytes(), path.relative_to(PACKAGE).as_posix()
        core = name.startswith(KERNEL_ROOMS) and not name.startswith(EDGES)
        if core or any(b"\n@" + way in source for way in (b"kernel", b"inlined", b"outlined", b"allocating")):
            digest.update(name.encode())
            digest.update(source)
    return digest.hexdigest()[:16]


def cache_root() -> Path:
    """Where compiled kernels live: $POLARIS_CACHE, else $XDG_CACHE_HOME/polaris, else ~/.cache/polaris."""
    chosen = os.environ.get("POLARIS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polaris"


def cache_dir() -> Path:
    """The cache folder of exactly these sources."""
    return cache_root() / f"kernels-{SOURCES}"


def drop_stale_caches() -> int:
    """Remove the compiled code of other source versions; returns how many folders went."""
    stale = [path for path in cache_root().glob("kernels-*") if path != cache_dir()]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return len(stale)


SOURCES = sources_digest()
numba_config: Any = numba.config
njit: Any = numba.njit  # its stubs do not know `_nrt`
JIT: bool = not numba_config.DISABLE_JIT
if JIT and not os.environ.get("NUMBA_CACHE_DIR"):
    numba_config.CACHE_DIR = str(cache_dir())


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and scalars that makes no array (or leave it as it is when the compiler is switched off).

    Without the counting of references: two atomic steps an array argument, a third of a call's time, half of a hot loop's.
    """
    return njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """As `kernel`, but compiled into its caller: for small parts of a hot loop, where handing over arrays would cost more."""
    return njit(cache=True, nogil=True, error_model="numpy", forceinline=True, _nrt=False)(function)


def outlined(function: Callable[..., Any]) -> Any:
    """As `kernel`, but never compiled into its caller: for what is large and seldom reached, and would be compiled once for each of them.

    A kernel does not say so by itself: numba hands the wish of `inlined` down to what such a function calls.
    """
    return njit(cache=True, nogil=True, error_model="numpy", forceinline=False, _nrt=False)(function)


def allocating(function: Callable[..., Any]) -> Any:
    """As `kernel`, for one that makes arrays of its own."""
    return njit(cache=True, nogil=True, error_model="numpy", _nrt=True)(function)


def generic(function: Callable[..., Any]) -> Any:
    """As `inlined`, for one that takes other kernels as arguments: a part of the kernel that hands them over, compiled and kept with it.

    The function as plain Python, which takes any function, is its `py_func`.
    """
    return njit(nogil=True, error_model="numpy", inline="always", _nrt=False)(function)


def written(title: str, source: str) -> ModuleType:
    """A module that is written, not typed: kernels put together at run time, compiled and kept like any other.

    Its file lies in the cache folder under a name that is a hash of its text, for people to read and numba to find again.
    """
    name = f"polaris_{title}_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    path = cache_dir() / f"{name}.py"
    if not path.exists():  # an existing file is the same text, and numba would take a younger one for another
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(source)
        fresh.rename(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
