"""Secrets by reference: a setting names where a secret is, never what it is.

`env:NAME` is an environment variable, `file:/path` a file that only its owner may read. The value is looked up when it
is needed and kept nowhere: no settings tree, log line or error message holds it.
"""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from polaris.domain.errors import BadConfig, Unavailable

if TYPE_CHECKING:
    from polaris.venues.secrets import Secret


class SecretReference(msgspec.Struct, frozen=True):
    """Where a secret is: "env:NAME", "file:/path", or "" where there is none."""

    where: str = ""

    @classmethod
    def read(cls, raw: Any, key: str) -> "SecretReference":
        """Check the reference set at `key`. Raises BadConfig that never repeats what was found: it may be the secret."""
        if not isinstance(raw, str) or not (raw == "" or (raw.startswith(("env:", "file:")) and raw.partition(":")[2])):
            raise BadConfig(f"{key} takes a reference to a secret, 'env:NAME' or 'file:/path', not the secret itself (its value is not shown)")
        return cls(raw)

    def __bool__(self) -> bool:
        return bool(self.where)

    def resolve(self) -> "Secret":
        """The secret. Raises Unavailable where it is absent, BadConfig where its file is open to others."""
        from polaris.venues.secrets import Secret

        kind, _, name = self.where.partition(":")
        if kind == "env":
            if not os.environ.get(name):
                raise Unavailable(f"secret {self.where}: the environment variable {name} is not set")
            return Secret(os.environ[name])
        if kind == "file":
            path = Path(name).expanduser()
            try:
                mode = path.stat().st_mode
                if mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise BadConfig(f"secret {self.where}: others may read {path} (mode {mode & 0o777:o}); run: chmod 600 {path}")
                return Secret(path.read_text("utf-8").strip())
            except OSError as cause:
                raise Unavailable(f"secret {self.where}: {path} can't be read: {cause.strerror}") from cause
        raise Unavailable("no secret is referred to; write 'env:NAME' or 'file:/path'")
