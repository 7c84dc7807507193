"""The desk on its log: whatever moment it was stopped at, it continues as the desk that never stopped.

The measure is always a desk in memory that is fed, in one go, with the rows that the log holds.
"""

import shutil
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from polaris.app import compose
from polaris.app.compose import CoreSettings, LoggedDesk, Replay, core, settings_of
from polaris.app.inspect import replay_log
from polaris.app.why import Why
from polaris.desk.bank import BankSettings
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings, ExecutionSettings, SizingSettings
from polaris.domain.control import Checkpoint, Deposit, Kill, Note, Pause, Release, Resume, Started, Stopped
from polaris.domain.errors import BadConfig, BadLog, Unavailable
from polaris.domain.market import CONTROL, Rows
from polaris.domain.orders import FILL, SUBMIT, TARGET, Records, joined
from polaris.log.format import BLOCK_BYTES, HEADER_BYTES
from polaris.log.read import ContextBlock, EventBlock, RecordsBlock, RowsBlock, blocks, rows_of
from polaris.log.segments import Segment
from polaris.log.sequencer import control_rows
from polaris.log.write import LogSettings, LogWriter, Sync
from tests.unit.desk.day import QUICK, a_day
from tests.unit.desk.rows import FREE, MILLI, START, some_instruments

INSTRUMENTS = some_instruments(3)
LOG = LogSettings(sync=Sync.NEVER)
EAGER = CoreSettings(
    desk=DeskSettings(
        sizing=SizingSettings(mode="fixed", fixed_notional=5.0, cost_multiple=0.0, prior_strength=0.0, rebalance_fraction=0.0),
        risk=FREE,
        execution=ExecutionSettings(order_type="limit", latency_ns=20 * MILLI, repeg_ns=100 * MILLI),
    ),
    bank=QUICK,
)


def with_risk(settings: CoreSettings, **changes) -> CoreSettings:
    return msgspec.structs.replace(settings, desk=msgspec.structs.replace(settings.desk, risk=msgspec.structs.replace(settings.desk.risk, **changes)))


def with_fills(model: str) -> CoreSettings:
    execution = msgspec.structs.replace(EAGER.desk.execution, fill_model=model)
    return msgspec.structs.replace(EAGER, desk=msgspec.structs.replace(EAGER.desk, execution=execution))


def market_of(seed: int, n: int = 300) -> Rows:
    """A day without operators: what feeds hand over."""
    rows = a_day(seed, n)
    return rows[rows["kind"] != CONTROL]


def opened(directory: Path, settings: CoreSettings = EAGER, **how) -> LoggedDesk:
    return LoggedDesk.open(directory, settings, INSTRUMENTS, now=START, log=LOG, **how)


def fed(desk: LoggedDesk, rows: Rows, seed: int = 0) -> LoggedDesk:
    """Hand over rows as they may come, with an operator's words and checkpoints between."""
    dice = np.random.default_rng(seed)
    edges = sorted({0, len(rows), *dice.integers(0, len(rows), 40).tolist()})
    for k, (a, b) in enumerate(pairwise(edges)):
        desk.take(rows[a:b])
        now = desk.sequencer.ts
        match k % 9:
            case 2:
                desk.checkpoint(now)
            case 4:
                desk.tell(Deposit(amount=10**8, ts=now))
            case 6:
                desk.tell(Pause(operator="ann", reason="lunch", ts=now))
                desk.tell(Resume(operator="ann", reason="back", ts=now))
            case 7:
                desk.tell(Note(text="all is well", ts=now))
            case 8:
                desk.tell(Kill(operator="bob", reason="a drill", ts=now))
                desk.tell(Release(operator="bob", reason="over", ts=now))
    return desk


def uninterrupted(directory: Path) -> tuple[Desk, Records]:
    """(a desk in memory after all that the log's rows and restarts say, every record it wrote)."""
    desk, advance, parts = None, None, []
    waiting: list[Rows] = []

    def give() -> None:
        if waiting:
            parts.append(advance(np.concatenate(waiting)))
            waiting.clear()

    for block in blocks(directory):
        match block:
            case RowsBlock(rows=rows):
                waiting.append(rows)
            case EventBlock(event=Started() as told):
                if desk is None:
                    desk, advance = core(settings_of(told), INSTRUMENTS)
                else:
                    give()
                    desk.reconfigure(settings_of(told).desk)
            case EventBlock(seq=seq, event=event, ts=ts):
                waiting.append(control_rows(seq, event, ts))
    give()
    return desk, joined(parts)


def logged_records(directory: Path) -> Records:
    return joined([block.records for block in blocks(directory) if isinstance(block, RecordsBlock)])


def prove(desk: Desk, directory: Path) -> Records:
    """The desk and its log are as if nothing had ever happened to either; returns the records."""
    plain, records = uninterrupted(directory)
    assert desk.state_digest() == plain.state_digest()
    assert desk.decisions_digest() == plain.decisions_digest()
    assert logged_records(directory).tobytes() == records.tobytes()
    explained = [block.order for block in blocks(directory) if isinstance(block, ContextBlock)]
    assert explained == records[records["kind"] == SUBMIT]["order"].tolist()
    return records


def test_a_desk_that_was_stopped_continues_where_it_was(tmp_path):
    desk = fed(opened(tmp_path), market_of(1))
    told = desk.stop(desk.sequencer.ts, "over")
    again = opened(tmp_path)
    assert again.message == "" and again.resumed_from == desk.sequencer.next_seq - 1
    assert (again.desk.state_digest(), again.desk.decisions_digest()) == (told.state_digest, told.decisions_digest)
    fed(again, market_of(2))
    again.close()
    records = prove(again.desk, tmp_path)
    assert {SUBMIT, FILL} <= set(records["kind"].tolist()) and len(records) > 100


def test_a_log_cut_at_any_block_and_within_it_is_continued_to_the_same_state(tmp_path):
    """What a kill leaves: a prefix of the bytes. Each is reopened, and reopened again, and traded on."""
    whole = tmp_path / "whole"
    first = fed(opened(whole), market_of(3, 120), 1)
    first.close()
    fed(opened(whole, with_risk(EAGER, max_open_orders=5)), market_of(4, 60), 2).close()
    (path,) = whole.iterdir()
    data = path.read_bytes()
    segment = Segment(whole, 1)
    ends = [HEADER_BYTES, *(block.end for block in segment.walk())]
    assert len(ends) > 150
    dice = np.random.default_rng(7)
    cuts = sorted({*ends[1::3], *(end - int(dice.integers(1, BLOCK_BYTES)) for end in ends[2::7])})
    for at, cut in enumerate(cuts):
        directory = tmp_path / "cut"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        (directory / path.name).write_bytes(data[:cut])
        desk = opened(directory)
        torn = cut not in ends
        assert bool(desk.message) == torn and ("were never wholly written" in desk.message) == torn
        desk.close()
        prove(desk.desk, directory)
        if at % 10 == 0:
            desk = opened(directory)
            fed(desk, market_of(5, 60), at)
            desk.close()
            prove(desk.desk, directory)


def test_the_reasons_of_an_order_that_a_kill_swallowed_are_those_it_was_sent_for(tmp_path):
    whole = tmp_path / "whole"
    fed(opened(whole), market_of(6)).close()
    reasons = [(block.order, block.read(Why)) for block in blocks(whole) if isinstance(block, ContextBlock)]
    (path,) = whole.iterdir()
    data, tried = path.read_bytes(), 0
    begins = HEADER_BYTES
    for block in Segment(whole, 1).walk():
        if block.kind == b"WHY ":
            directory = tmp_path / f"{begins}"
            directory.mkdir()
            (directory / path.name).write_bytes(data[:begins])
            opened(directory).close()
            again = [(block.order, block.read(Why)) for block in blocks(directory) if isinstance(block, ContextBlock)]
            assert again == reasons[: len(again)] and len(again) > tried
            tried += 1
        begins = block.end
        if tried == 8:
            break
    assert tried == 8


def test_changed_limits_hold_from_the_restart_on_and_a_replay_reaches_every_checkpoint(tmp_path):
    desk = fed(opened(tmp_path), market_of(1))
    held = desk.desk.positions["lots"].tolist()
    desk.close()
    tight = with_risk(EAGER, max_open_orders=1, max_position_notional=0.01)
    again = opened(tmp_path, tight)
    assert again.desk.positions["lots"].tolist() == held
    assert again.desk.rules["max_open_orders"][0] == 1
    fed(again, market_of(2))
    again.stop(again.sequencer.ts, "over")
    fed(opened(tmp_path), market_of(3)).close()
    replay = Replay(tmp_path)
    replay.run()
    assert replay.verified > 10 and replay.derived == replay.logged and not len(replay.owed)
    prove(replay.desk, tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"instruments": some_instruments(2)}, r"its instruments were others \(SOL-USD.sim -> none\)"),
        ({"instruments": some_instruments(4)}, r"its instruments were others \(none -> XRP-USD.sim\)"),
        ({"instruments": some_instruments(3, price_increment=5)}, "its instruments were others"),
        ({"settings": msgspec.structs.replace(EAGER, bank=BankSettings())}, "its features, alphas or ensemble were set otherwise"),
        ({"settings": msgspec.structs.replace(EAGER, strategy="crossover")}, "its strategy was 'pipeline'"),
        ({"settings": with_fills("venue")}, "its fills came from the model 'queue', and simulated and real money do not mix"),
        ({"settings": msgspec.structs.replace(EAGER, desk=msgspec.structs.replace(EAGER.desk, equity=5.0))}, r"its account began with 100,000.00 dollars, not 5.00"),
    ],
)
def test_other_instruments_features_or_money_are_refused_and_the_log_stays_as_it_is(tmp_path, change, said):
    fed(opened(tmp_path), market_of(1, 60)).close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(BadConfig, match=said):
        LoggedDesk.open(tmp_path, change.get("settings", EAGER), change.get("instruments", INSTRUMENTS), now=START, log=LOG)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    opened(tmp_path).close()  # and nobody holds it


def test_a_log_is_one_desks_at_a_time(tmp_path):
    desk = opened(tmp_path)
    with pytest.raises(Unavailable, match="another process writes this log"):
        opened(tmp_path)
    desk.close()


def test_rows_and_records_are_in_the_log_before_anybody_hears_of_them(tmp_path):
    desk = opened(tmp_path)
    heard: list[Records] = []

    def hear(records):
        heard.append(records)
        last = max(block.first + len(block.rows) - 1 for block in blocks(tmp_path) if isinstance(block, RowsBlock))
        assert last >= int(records["seq"][-1])
        assert logged_records(tmp_path).tobytes() == joined(heard).tobytes()

    desk.on_records.append(hear)
    for part in np.array_split(market_of(1), 40):
        desk.take(part)
    assert len(heard) > 20
    desk.close()


def rewritten(source: Path, target: Path, change) -> None:
    """The same log, block by block, each record block through `change`."""
    with LogWriter(target, LOG) as writer:
        for block in blocks(source):
            match block:
                case RowsBlock(rows=rows):
                    writer.append_rows(rows)
                case EventBlock(seq=seq, event=event, ts=ts):
                    writer.append_event(seq, event, ts)
                case RecordsBlock(records=records):
                    writer.append_records(change(records.copy()))


@pytest.mark.parametrize("field", ["lots", "cash", "forecast", "price"])
def test_a_record_that_is_not_what_its_rows_lead_to_is_found(tmp_path, field):
    fed(opened(tmp_path / "log"), market_of(1)).close()
    third = logged_records(tmp_path / "log")["kind"] == SUBMIT
    seq = logged_records(tmp_path / "log")[third][2]["seq"]

    def forge(records):
        records[field] += (records["seq"] == seq) & (records["kind"] == SUBMIT)
        return records

    rewritten(tmp_path / "log", tmp_path / "forged", forge)
    with pytest.raises(BadLog, match="are not those that its rows lead to"):
        Replay(tmp_path / "forged").run()
    with pytest.raises(BadLog):
        opened(tmp_path / "forged")


def test_records_that_are_missing_in_the_middle_are_found(tmp_path):
    fed(opened(tmp_path / "log"), market_of(1)).close()
    rewritten(tmp_path / "log", tmp_path / "holed", lambda records: records[:-1] if int(records["seq"][0]) > 40 else records)
    with pytest.raises(BadLog, match=r"1 records that the rows up to seq \d+ lead to are missing"):
        Replay(tmp_path / "holed").run()


def test_a_checkpoint_that_is_not_reached_is_found(tmp_path):
    desk = fed(opened(tmp_path), market_of(1, 60))
    real = desk.checkpoint(desk.sequencer.ts)
    desk.sequencer.tell(msgspec.structs.replace(real, state_digest="0" * 32))
    desk.close()
    with pytest.raises(BadLog, match=f"expected state {'0' * 32}, found {real.state_digest}"):
        Replay(tmp_path).run()


def test_what_other_kernels_wrote_is_passed_over_and_what_these_wrote_is_proven(tmp_path, monkeypatch):
    desk = fed(opened(tmp_path), market_of(1, 100))
    desk.sequencer.tell(Checkpoint(ts=desk.sequencer.ts, state_digest="theirs", decisions_digest="", decisions=0, orders=0, fills=0))
    desk.close()
    monkeypatch.setattr(compose, "SOURCES", "a newer version")
    again = fed(opened(tmp_path), market_of(2, 100))
    again.close()
    replay = Replay(tmp_path)
    replay.run()
    assert 0 < replay.verified < 6 and replay.desk.state_digest() == again.desk.state_digest()


def test_a_log_nobody_began_is_no_desks_log(tmp_path):
    with LogWriter(tmp_path, LOG) as writer:
        writer.append_event(1, Note(text="hello", ts=1))
    with pytest.raises(BadLog, match="does not begin with a Started event"):
        opened(tmp_path)


def test_a_stop_tells_what_it_was_and_is_the_last_word(tmp_path):
    desk = fed(opened(tmp_path), market_of(1, 60))
    desk.stop(desk.sequencer.ts, "enough")
    *_, before, last = (block for block in blocks(tmp_path))
    assert isinstance(before.event, Checkpoint) and isinstance(last.event, Stopped)
    assert (last.event.reason, last.event.state_digest) == ("enough", before.event.state_digest)


@pytest.mark.parametrize("mode", ["kelly", "fixed"])
def test_a_strategys_desk_is_restarted_as_its_own_whatever_the_settings_say_of_sizing(tmp_path, mode):
    """The compiled crossover says how many lots itself: a restart must not make the desk size, for it has no forecasts."""
    sizing = msgspec.structs.replace(EAGER.desk.sizing, mode=mode)
    settings = CoreSettings(desk=msgspec.structs.replace(EAGER.desk, sizing=sizing), strategy="crossover", params={"fast": 2, "slow": 4, "lots": 50}, bank=QUICK)
    fed(opened(tmp_path, settings), market_of(1)).close()
    again = fed(opened(tmp_path, settings), market_of(2))
    again.close()
    records = prove(again.desk, tmp_path)
    assert (records["kind"] == SUBMIT).sum() > 10
    assert set(records[records["kind"] == TARGET]["target"].tolist()) == {0, 50}


def test_a_plain_python_strategy_is_rebuilt_by_the_rows_it_saw(tmp_path):
    (tmp_path / "counting.py").write_text(
        """
from polaris.desk.strategy import Strategy
from polaris.domain.orders import LIMIT

class Counting(Strategy):
    def __init__(self, every: int) -> None:
        self.every, self.seen = every, 0

    def on_row(self, row, desk) -> None:
        self.seen += 1
        if self.seen % self.every == 0:
            (desk.buy if self.seen % 2 else desk.sell)(self.seen % 2, 1 + self.seen % 50, LIMIT, desk.touch(self.seen % 2)[0])
"""
    )
    settings = CoreSettings(desk=EAGER.desk, strategy="counting:Counting", params={"every": 7}, folder=str(tmp_path))
    directory = tmp_path / "log"
    fed(opened(directory, settings), market_of(1)).close()
    again = fed(opened(directory, settings), market_of(2))
    again.close()
    records = prove(again.desk, directory)
    assert (records["kind"] == SUBMIT).sum() > 10


def test_the_state_at_any_seq_and_why_of_any_order_can_be_asked(tmp_path):
    desk = fed(opened(tmp_path), market_of(1))
    desk.close()
    records = logged_records(tmp_path)
    submit = records[records["kind"] == SUBMIT][3]
    found = replay_log(tmp_path, order=int(submit["order"]))
    assert found["records_logged"] == found["records_derived"] == len(records)
    assert found["state_digest"] == desk.desk.state_digest()
    assert found["order"]["life"][0]["what"] == "submit" and found["order"]["life"][0]["seq"] == int(submit["seq"])
    assert found["order"]["why"].order == int(submit["order"]) and found["order"]["why"].columns["forecast"] != 0.0
    for to in (1, 50, int(submit["seq"]), 200):
        part = replay_log(tmp_path, to_seq=to)
        assert part["seq"] == to and part["records_derived"] == int((records["seq"] <= to).sum())
        memory, advance = core(EAGER, INSTRUMENTS)
        advance(rows_of(tmp_path, 1, to))
        assert part["state_digest"] == memory.state_digest()
    with pytest.raises(BadConfig, match="the log has no order 99999"):
        replay_log(tmp_path, order=99_999)


def test_a_desk_that_rehearses_writes_the_same_log_byte_for_byte(tmp_path):
    written = []
    for name, rehearses in (("plain", False), ("rehearsed", True)):
        desk = opened(tmp_path / name)
        for row in range(0, 300, 10):
            desk.take(market_of(5)[row : row + 10])
            if rehearses:
                desk.rehearse()
        desk.stop(desk.sequencer.ts, "end")
        written.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir()) if path.is_file()])
    assert written[0] and written[0] == written[1]
