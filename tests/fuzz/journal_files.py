"""A journal whose files were damaged: bytes changed, cut away, grown or put at another place.

Every line is one damage, `SEGMENT OFFSET HEX`: these bytes at that offset (an offset below 0 counts from the end; `cut` for the hex ends the file
there). A line that begins with `!` sets the header's checksum right afterwards, as no decay of a disk would.
"""

import tempfile
import zlib
from pathlib import Path

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.identity import OtherKernel
from polaris.exchange.gateway.reading import Reader
from polaris.exchange.gateway.scribe import HEADER_BYTES
from tests.fuzz.besieged import Besieged
from tests.unit.exchange.gateway.machines import lay

ROOM = 1 << 13
SEEDS = [
    b"0 0 00",
    b"1 %d ff" % HEADER_BYTES,
    b"0 %d 0000" % (HEADER_BYTES + 8),
    b"1 -1 01",
    b"0 300 cut",
    b"1 %d cut" % (HEADER_BYTES + 100),
    b"!0 24 ffffffffffffffff",
    b"!1 40 ffff\n0 16 07",
    b"!1 88 0100000000000000",
    b"1 %d ffffffffffffffffffffffffffffffffffffffffffffffff" % HEADER_BYTES,
]
HUGE = [b"0 0 " + b"ff" * 8192 + b"\n1 0 " + b"00" * 8192]
FOUND: list[bytes] = []
_folder = tempfile.TemporaryDirectory(prefix="fuzz-")
_whole: dict[str, bytes] = {}


def _journal() -> dict[str, bytes]:
    """Two segments, of commands 1 .. 6 and 7 .. 9: their names and bytes."""
    if not _whole:
        folder = Path(_folder.name)
        lay(folder, 1, 3, 2, room=ROOM)
        lay(folder, 2, 1, first=7, continues=(1, 1), room=ROOM)
        _whole.update({path.name: path.read_bytes() for path in sorted(folder.glob("*.journal"))})
    return _whole


async def attack(besieged: Besieged, data: bytes) -> None:
    """What is read is what was written, from the first command on, and as far as it goes; or the damage is named."""
    folder, told = Path(_folder.name), []
    for name, content in _damaged(data).items():
        (folder / name).write_bytes(content)
    reader = Reader(folder)
    try:
        for commands, notes in reader.portions():
            told += list(zip(commands["seq"].tolist(), commands["order_id"].tolist(), notes["client_id"].tolist(), strict=True))
        reader.cut()
    except (BadLog, OtherKernel) as cause:
        assert str(folder) in str(cause), f"the file is not named: {cause}"
    finally:
        reader.close()
    assert told == [(seq, 7 * seq, b"order-%d" % seq) for seq in range(1, len(told) + 1)], told


def _damaged(data: bytes) -> dict[str, bytes]:
    files = {name: bytearray(content) for name, content in _journal().items()}
    names = list(files)
    for line in data.split(b"\n")[:8]:
        words = line.removeprefix(b"!").split(b" ")
        if len(words) != 3 or not words[0].isdigit() or not words[1].removeprefix(b"-").isdigit() or len(words[0]) > 3 or len(words[1]) > 6:
            continue
        file, offset = files[names[int(words[0]) % len(names)]], int(words[1])
        place = min(len(file), offset) if offset >= 0 else max(0, len(file) + offset)
        if words[2] == b"cut":
            del file[place:]
        else:
            try:
                changed = bytes.fromhex(words[2].decode("latin-1"))
            except ValueError:
                continue
            file[place : place + len(changed)] = changed
        if line[:1] == b"!" and len(file) >= HEADER_BYTES:
            file[8:12] = zlib.crc32(file[12:HEADER_BYTES]).to_bytes(4, "little")
    return {name: bytes(file) for name, file in files.items()}
