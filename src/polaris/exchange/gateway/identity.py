"""What a journal was written by: the kernel and the rules its commands were run with.

Another kernel could make another state of the same commands, so a journal says whose it is and another's is refused. The version of
a kernel is a digest of the sources that the core is made of, as they stand; the edge, market data and the plain twin are no part of it.
"""

import ast
import hashlib
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.words import COMMAND

LAYOUT = zlib.crc32(repr((COMMAND.descr, NOTE.descr)).encode())
PACKAGE = Path(__file__).resolve().parent.parent.parent
CORE = ("polaris.exchange.core", "polaris.exchange.book")


class OtherKernel(BadLog):
    """A journal or snapshot that another kernel or other rules wrote."""


class Identity(NamedTuple):
    """Who wrote a file."""

    layout: int
    kernel: str
    rules: str

    def expect(self, own: "Identity", path: object) -> None:
        """Raise OtherKernel where a file of this identity is not ours to replay."""
        for what, found, expected in zip(("layout of its rows", "kernel", "rules"), self, own, strict=True):
            if found != expected:
                raise OtherKernel(path, f"written with {what} {found}, this exchange has {expected}; carry it over with: polaris exchange migrate")


def identity(rules_digest: str) -> Identity:
    """Ours, with these rules.

    raises  ValueError where the digest is longer than 32 letters
    """
    if not 0 < len(rules_digest.encode()) <= 32:
        raise ValueError(f"the digest of the rules is {rules_digest!r}; expected 1 to 32 letters")
    return Identity(LAYOUT, kernel_version(), rules_digest)


@cache
def kernel_version() -> str:
    """16 hex digits over every source of `polaris.exchange` that the core imports, itself with them."""
    digest = hashlib.sha256()
    for name in core_modules():
        digest.update(name.encode())
        digest.update(_source(name).read_bytes())
    return digest.hexdigest()[:16]


def core_modules() -> list[str]:
    """The modules of the exchange that the core is made of, sorted."""
    found: set[str] = set()
    ahead = [name for name in CORE if _source(name).exists()]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        for node in ast.walk(ast.parse(_source(name).read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("polaris.exchange."):
                ahead.append(node.module)
    return sorted(found)


def _source(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
