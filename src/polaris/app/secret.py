"""Secrets by reference: a setting names where a secret is, never what it is.

`env:NAME` is an environment variable, `file:/path` a file that only its owner may read. The value is looked up when it
is needed and kept nowhere: no settings tree, log line or error message holds it, and a Secret prints as `***`.
"""

import os
import stat
from pathlib import Path
from typing import Any

import msgspec

from polaris.domain.errors import BadConfig, Unavailable


class Secret(msgspec.Struct, frozen=True):
    """A reference to a secret; empty where there is none. `reference` is "env:NAME", "file:/path" or ""."""

    reference: str = ""

    @classmethod
    def read(cls, raw: Any, where: str) -> "Secret":
        """Check a reference from a settings file. Raises BadConfig that never repeats what was found: it may be a secret."""
        if not isinstance(raw, str) or not (raw == "" or (raw.startswith(("env:", "file:")) and raw.partition(":")[2])):
            raise BadConfig(f"{where} takes a reference to a secret, 'env:NAME' or 'file:/path', not the secret itself (its value is not shown)")
        return cls(raw)

    @property
    def given(self) -> bool:
        """Whether anything is referred to."""
        return bool(self.reference)

    def reveal(self) -> str:
        """The secret. Raises Unavailable where it is absent, BadConfig where its file is open to others."""
        kind, _, name = self.reference.partition(":")
        if kind == "env":
            value = os.environ.get(name, "")
            if not value:
                raise Unavailable(f"secret {self.reference}: the environment variable {name} is not set")
            return value
        if kind == "file":
            path = Path(name).expanduser()
            try:
                mode = path.stat().st_mode
                if mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise BadConfig(f"secret {self.reference}: others may read {path} (mode {mode & 0o777:o}); run: chmod 600 {path}")
                return path.read_text("utf-8").strip()
            except OSError as cause:
                raise Unavailable(f"secret {self.reference}: {path} can't be read: {cause.strerror}") from cause
        raise Unavailable("no secret is referred to; write 'env:NAME' or 'file:/path'")

    def __repr__(self) -> str:
        return "Secret(***)" if self.reference else "Secret()"

    __str__ = __repr__
