"""Files beside the journal that were damaged: a snapshot, the file of keys, the record of a FIX session.

The lowest two bits of the first byte say which; the rest is the file.
"""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from polaris.domain.errors import BadConfig, BadLog
from polaris.exchange.gateway.fix.record import FileRecord
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.snapshots import read_snapshot
from tests.fuzz.besieged import Besieged

_folder = tempfile.TemporaryDirectory(prefix="fuzz-")
SEQ = 5


def _snapshot(head: bytes = b"", instead: bytes = b"") -> bytes:
    """A snapshot's file; some of the head of its array said otherwise, under a checksum that is right."""
    told = {"seq": SEQ, "digest": "d", "layout": 1, "kernel": "k", "rules": "r", "parts": ["a"]}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as whole:
        for name, array in (("_about", np.frombuffer(json.dumps(told).encode(), np.uint8)), ("a", np.arange(3))):
            part = io.BytesIO()
            np.save(part, array, allow_pickle=False)
            whole.writestr(zipfile.ZipInfo(f"{name}.npy"), part.getvalue().replace(head, instead) if name == "a" and head else part.getvalue())
    return file.getvalue()


def _record() -> bytes:
    path = Path(_folder.name) / "A.fix"
    path.unlink(missing_ok=True)
    record = FileRecord(path, 1, 1)
    record.heard(2)
    record.sent(b"8\x0120231114-22:13:20.000\x0158=x")
    record.flush()
    record.close()
    return path.read_bytes()


KEY = b'{"name":"k","account":1,"kind":"HMAC-SHA256","scopes":["read"],"addresses":["127.0.0.1"],"secret":"s"}'
SEEDS = [
    b"0" + _snapshot(),
    b"1[%b]" % KEY,
    b"1[%b]" % KEY.replace(b"HMAC-SHA256", b"Ed25519").replace(b'"secret":"s"', b'"public":"AAAA"'),
    b"1[%b]" % KEY.replace(b"HMAC-SHA256", b"ES256").replace(b'"secret":"s"', b'"public":"!"'),
    b"2" + _record(),
]
HUGE = [b"1[" + KEY + (b"," + KEY) * 2_000 + b"]", b"0" + b"PK" * 50_000]
FOUND: list[bytes] = [
    b"1[%b]" % KEY.replace(b'"k"', b'"\xff"'),
    b"1[%b]" % KEY.replace(b"127.0.0.1", b"127.0.0.1/99"),
    b'1[{"x":' + b"[" * 3000,
    b"0" + _snapshot(b"(3,), }", b"(3,), ("),  # NumPy's reader of heads raises tokenize's error
    b"0" + _snapshot(b"(3,), }            ", b"(9999999999999,), }"),
]


async def attack(besieged: Besieged, data: bytes) -> None:
    """A damaged file is named, or it is whole."""
    which, content = (data[0] & 3 if data else 0), data[1:]
    folder = Path(_folder.name)
    if which == 0:
        (folder / f"{SEQ:020d}.snapshot").write_bytes(content)
        try:
            assert read_snapshot(folder, SEQ).seq == SEQ
        except BadLog as cause:
            assert f"{SEQ}.snapshot" in str(cause)
    elif which == 1:
        path = folder / "keys.json"
        path.write_bytes(content)
        path.chmod(0o600)
        try:
            keys = Keys(path)
        except BadConfig as cause:
            assert "keys.json" in str(cause)
            return
        for key in keys.all():
            key.comes_from("127.0.0.1")
            key.signed(b"x", "00")
            repr(key)
    else:
        path = folder / "B.fix"
        path.write_bytes(content)
        try:
            record = FileRecord(path)
        except OSError as cause:
            assert "B.fix" in str(cause)
            return
        assert record.next_in >= 1 and record.next_out >= 1
        record.body(1)
        record.close()
