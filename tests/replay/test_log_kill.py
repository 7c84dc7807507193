"""kill -9 of a real process that writes without pause: what it acknowledged is there, once, in order.

Each life opens the log, writes rows, events, records and contexts over small segments, and acknowledges every append
through a pipe after it returned. It is killed at a random moment; the next life goes on where the log ends.
"""

import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path

from polaris.log.read import ContextBlock, EventBlock, RecordsBlock, RowsBlock, blocks

LIVES = 32
ACK = struct.Struct("<qqq")  # next seq, records, contexts: everything appended by this life and before

WRITER = """
import os, struct, sys
import numpy as np
from polaris.domain.control import Note
from polaris.domain.market import ROW
from polaris.domain.orders import RECORD
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

directory, life, records, contexts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
writer = LogWriter(directory, LogSettings(segment_bytes=256 * 1024, sync=Sync.NEVER))
sequencer = Sequencer(writer)
random = np.random.default_rng(life)
while True:
    match int(random.integers(4)):
        case 0:
            rows = np.zeros(int(random.integers(1, 2000 if random.random() < 0.1 else 20)), ROW)
            rows["price"] = life
            rows["other"] = np.arange(writer.next_seq, writer.next_seq + len(rows))
            sequencer.stamp(rows)
        case 1:
            sequencer.tell(Note(text=f"{writer.next_seq}", ts=life))
        case 2 if writer.next_seq > 1:
            derived = np.zeros(int(random.integers(1, 9)), RECORD)
            derived["seq"] = writer.next_seq - 1
            derived["order"] = np.arange(records, records + len(derived))
            writer.append_records(derived)
            records += len(derived)
        case 3 if writer.next_seq > 1:
            writer.append_context(writer.next_seq - 1, contexts, {"features": [0.5] * 30})
            contexts += 1
    os.write(1, struct.pack("<qqq", writer.next_seq, records, contexts))
"""


def test_no_acknowledged_append_is_lost_or_doubled_by_kill_minus_nine(tmp_path):
    dice = random.Random(20)
    log = tmp_path / "log"
    records = contexts = acknowledged = 0
    for life in range(LIVES):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(log), str(life), str(records), str(contexts)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        pipe = writer.stdout.fileno()
        said = bytearray(os.read(pipe, 1 << 16))
        wanted = len(said) + ACK.size * dice.randrange(1, 1200)
        while len(said) < wanted and (more := os.read(pipe, 1 << 16)):
            said += more
        os.kill(writer.pid, signal.SIGKILL)
        while more := os.read(pipe, 1 << 16):
            said += more
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
        last = len(said) // ACK.size * ACK.size - ACK.size
        next_seq, least_records, least_contexts = ACK.unpack_from(said, last)
        acknowledged += len(said) // ACK.size
        seqs, records, contexts = check(log, life)
        assert seqs >= next_seq - 1 and records >= least_records and contexts >= least_contexts
    assert acknowledged > 20 * LIVES and len(list(log.iterdir())) > 1


def check(log: Path, life: int) -> tuple[int, int, int]:
    """The last seq and the numbers of records and contexts; each is found once and in its place."""
    seq = records = contexts = 0
    for block in blocks(log):
        match block:
            case RowsBlock(rows=rows):
                n = len(rows)
                assert rows["seq"].tolist() == rows["other"].tolist() == list(range(seq + 1, seq + n + 1))
                assert 0 <= rows["price"][0] <= life
                seq += n
            case EventBlock(seq=own, event=event):
                assert own == seq + 1 and event.text == str(own)
                seq = own
            case RecordsBlock(records=derived):
                assert derived["order"].tolist() == list(range(records, records + len(derived))) and (derived["seq"] == seq).all()
                records += len(derived)
            case ContextBlock(seq=at, order=order):
                assert order == contexts and at == seq
                contexts += 1
    return seq, records, contexts
