"""Secrets by reference: a setting names where a secret is, never what it is.

`env:NAME` is an environment variable, `file:/path` a file that only its owner may read, `vault:` and `aws:` are kept by a
service (see `app.vault`). The value is looked up when it is needed and kept nowhere: no settings tree, log line or error
message holds it.
"""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from polaris.domain.errors import BadConfig, Unavailable

if TYPE_CHECKING:
    from polaris.venues.secrets import Secret


KINDS: Final = ("env", "file", "vault", "aws")
KNOWN: Final = "'env:NAME', 'file:/path', 'vault:MOUNT/PATH#FIELD' or 'aws:NAME#FIELD'"


class SecretReference(msgspec.Struct, frozen=True):
    """Where a secret is: "env:NAME", "file:/path", "vault:MOUNT/PATH#FIELD", "aws:NAME#FIELD", or "" where there is none."""

    where: str = ""

    @classmethod
    def read(cls, raw: Any, key: str) -> "SecretReference":
        """Check the reference set at `key`. Raises BadConfig that never repeats what was found: it may be the secret."""
        if not isinstance(raw, str) or not (raw == "" or (raw.partition(":")[0] in KINDS and raw.partition(":")[2])):
            raise BadConfig(f"{key} takes a reference to a secret, {KNOWN}, not the secret itself (its value is not shown)")
        if raw.startswith(("vault:", "aws:")):
            from polaris.app import vault

            if wrong := vault.check(raw):
                raise BadConfig(f"{key}: {wrong}")
        return cls(raw)

    def __bool__(self) -> bool:
        return bool(self.where)

    def resolve(self) -> "Secret":
        """The secret. Raises Unavailable where it is absent, BadConfig where its file is open to others."""
        from polaris.venues.secrets import Secret

        kind, _, name = self.where.partition(":")
        if kind in ("vault", "aws"):
            from polaris.app import vault

            return vault.from_vault(self.where) if kind == "vault" else vault.from_aws(self.where)
        if kind == "env":
            if not os.environ.get(name):
                raise Unavailable(f"secret {self.where}: the environment variable {name} is not set")
            return Secret(os.environ[name])
        if kind == "file":
            return Secret(_read(Path(name).expanduser(), self.where))
        raise Unavailable(f"no secret is referred to; write {KNOWN}")


def _read(path: Path, where: str) -> str:
    """What a file holds that only its owner may read. The file that is looked at is the one that is read, links followed."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BadConfig(f"secret {where}: {path} is no ordinary file")
            if found.st_uid not in (os.getuid(), 0):
                raise BadConfig(f"secret {where}: {path} belongs to another user (uid {found.st_uid}); copy it and keep it yourself")
            if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise BadConfig(f"secret {where}: others may read {path} (mode {found.st_mode & 0o777:o}); run: chmod 600 {path}")
            text = file.read().decode("utf-8", "replace").strip()
    except IsADirectoryError:
        raise BadConfig(f"secret {where}: {path} is no ordinary file") from None
    except OSError as cause:
        raise Unavailable(f"secret {where}: {path} can't be read: {cause.strerror}") from None
    if not text or "\ufffd" in text:
        raise Unavailable(f"secret {where}: {path} {'is empty' if not text else 'is no UTF-8 text'}")
    return text
