"""kill -9 of the process that fills the tables: what is there is a prefix of the log, and going on ends with all of it, once."""

import random
import subprocess
import sys
import time

from .conftest import write_log
from .test_projection import contents, url_of

FILLER = """
import sys
from polaris.store import projection

class Telling(projection.Projection):
    def apply(self, seq, records, instruments):
        new = super().apply(seq, records, instruments)
        print(self.last_seq, flush=True)
        return new

projection.BATCH = 20
Telling(sys.argv[1]).catch_up(sys.argv[2])
"""


def test_a_projection_killed_again_and_again_ends_equal_to_a_rebuild(tmp_path):
    log = tmp_path / "log"
    write_log(log, 600)
    killed, whole = url_of(tmp_path / "killed.db"), url_of(tmp_path / "whole.db")
    dice = random.Random(4)
    told, deaths = [0], 0
    for _ in range(40):
        filler = subprocess.Popen([sys.executable, "-c", FILLER, killed, str(log)], stdout=subprocess.PIPE, text=True)
        assert filler.stdout is not None
        for _ in range(dice.randrange(1, 20)):
            if line := filler.stdout.readline():
                told.append(int(line))
        time.sleep(dice.uniform(0, 0.004))
        filler.kill()
        told.extend(int(line) for line in filler.stdout if line.endswith("\n"))
        filler.stdout.close()
        if filler.wait() == 0:
            break
        deaths += 1
    for url in (killed, whole):
        subprocess.run([sys.executable, "-c", FILLER, url, str(log)], check=True, stdout=subprocess.DEVNULL)
    assert deaths >= 5
    assert told == sorted(set(told))  # a told commit is never undone
    assert contents(killed) == contents(whole)
