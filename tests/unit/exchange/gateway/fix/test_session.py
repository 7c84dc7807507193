"""Tests for the FIX session: the numbered conversation of the standard, case by case, and two sessions against each other."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polaris.exchange.gateway.fix import record as records
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import SECOND, Frames, Message, encoded, timestamp
from polaris.exchange.gateway.fix.record import MOST_RESENT, FileRecord, MemoryRecord
from polaris.exchange.gateway.fix.session import Session, State

NOW = 1_795_248_000 * SECOND


class Line:
    """A session of ours and the hand of somebody who writes to it."""

    def __init__(self, record=None, logon=True):
        self.record = record or MemoryRecord()
        self.session = Session("POLARIS", "ME", self.record)
        self.now = NOW
        self.number = self.record.next_in
        self.taken: list[Message] = []
        if logon:
            self.logon()
            self.said()

    def message(self, kind, *fields, number=None, sender="ME", target="POLARIS", time=None, header=()):
        if number is None:
            number = self.number
            self.number += 1
        head = [(35, kind), (49, sender), (56, target), (34, str(number)), (52, timestamp(self.now if time is None else time)), *header]
        [message] = Frames().feed(encoded([*head, *fields]))
        return message

    def logon(self, *extra, **how):
        return self.session.logon(self.message("A", (98, "0"), (108, "30"), *extra, **how), self.now)

    def hear(self, kind, *fields, **how):
        taken = self.session.take(self.message(kind, *fields, **how), self.now)
        if taken is not None:
            self.taken.append(taken)
        return self.said()

    def order(self, name="a1", **how):
        return self.hear("D", (11, name), (55, "BTCUSDT"), (54, "1"), (38, "1"), (40, "1"), **how)

    def said(self):
        data, self.session.outbox = b"".join(self.session.outbox), []
        return list(Frames().feed(data))

    def after(self, seconds):
        self.now += int(seconds * SECOND)
        self.session.tick(self.now)
        return self.said()


def kinds(messages):
    return [message.kind for message in messages]


def test_a_logon_is_answered_with_its_own_heartbeat():
    line = Line(logon=False)
    assert line.logon()
    [answer] = line.said()
    assert (answer.kind, answer.get(34), answer.get(98), answer.get(108), answer.get(49), answer.get(56)) == ("A", "1", "0", "30", "POLARIS", "ME")


def test_a_logon_may_begin_the_numbers_anew():
    record = MemoryRecord()
    record.heard(77)
    record.sent(b"")
    line = Line(record, logon=False)
    assert line.logon((141, "Y"), number=1)
    [answer] = line.said()
    assert (answer.get(34), answer.get(141)) == ("1", "Y")
    assert (record.next_in, record.next_out) == (2, 2)


@pytest.mark.parametrize(
    ("fields", "number", "words"),
    [
        (((98, "1"), (108, "30")), 5, "only 0"),
        (((98, "0"), (108, "0")), 5, "1 to 60 seconds"),
        (((98, "0"), (108, "61")), 5, "1 to 60 seconds"),
        (((98, "0"),), 5, "tag 108"),
        (((98, "0"), (108, "30")), 4, "expecting 5 but received 4"),
        (((98, "0"), (108, "30"), (141, "Y")), 5, "MsgSeqNum 1"),
        (((98, "0"), (108, "30"), (789, "2")), 5, "2 is expected but 1 is the next"),
        (((98, "0"), (108, "30"), (789, "0")), 5, "numbers begin at 1"),
    ],
)
def test_a_logon_with_terms_we_do_not_take_is_answered_with_a_logout(fields, number, words):
    record = MemoryRecord()
    record.heard(5)
    line = Line(record, logon=False)
    assert not line.session.logon(line.message("A", *fields, number=number), NOW)
    [answer] = line.said()
    assert answer.kind == "5" and words in answer.get(58)
    assert line.session.state is State.CLOSED and record.next_in == 5


def test_a_logon_ahead_of_its_number_is_taken_and_the_gap_asked_for():
    line = Line(logon=False)
    assert line.logon(number=4)
    logon, ask = line.said()
    assert (logon.kind, ask.kind, ask.get(7), ask.get(16)) == ("A", "2", "1", "0")
    line.hear("4", (123, "Y"), (36, "5"), number=1, header=[(43, "Y"), (122, timestamp(NOW))])
    assert line.record.next_in == 5
    line.order(number=5)
    assert len(line.taken) == 1


def test_orders_in_order_are_the_applications():
    line = Line()
    assert line.order("a1") == line.order("a2") == []
    assert [message.get(11) for message in line.taken] == ["a1", "a2"]
    assert line.record.next_in == 4


def test_a_gap_is_asked_for_once_and_nothing_behind_it_is_worked_on():
    line = Line()
    [ask] = line.order("a3", number=4)
    assert (ask.kind, ask.get(7), ask.get(16)) == ("2", "2", "0")
    assert line.order("a4", number=5) == []
    assert line.taken == []
    again = [(43, "Y"), (122, timestamp(NOW))]
    for number, name in ((2, "a1"), (3, "a2"), (4, "a3"), (5, "a4")):
        assert line.order(name, number=number, header=again) == []
    assert [message.get(11) for message in line.taken] == ["a1", "a2", "a3", "a4"]
    [second] = line.order("a9", number=9)
    assert (second.get(7), second.get(16)) == ("6", "0")


def test_a_gap_that_stays_open_is_asked_for_again():
    line = Line()
    line.order(number=9)
    line.now += 31 * SECOND
    assert kinds(line.order(number=10)) == ["2"]


def test_a_number_below_the_expected_one_ends_the_line_unless_it_is_a_duplicate():
    line = Line()
    line.order()
    assert line.order(number=2, header=[(43, "Y"), (122, timestamp(NOW))]) == []
    assert len(line.taken) == 1
    [logout] = line.order(number=2)
    assert logout.kind == "5" and logout.get(58) == "MsgSeqNum too low, expecting 3 but received 2"
    assert line.session.state is State.CLOSED and line.record.next_in == 3


def test_a_duplicate_says_when_it_was_first_sent():
    line = Line()
    [reject] = line.order(header=[(43, "Y")])
    assert (reject.kind, reject.get(371), reject.get(373)) == ("3", "122", "1")
    [reject] = line.order(header=[(43, "Y"), (122, timestamp(NOW + SECOND))])
    assert (reject.get(371), reject.get(373)) == ("122", "10")
    assert line.taken == [] and line.record.next_in == 4


def test_what_is_wrong_inside_is_rejected_under_its_number():
    line = Line()
    [reject] = line.hear("D", (11, "a1"), (55, "BTCUSDT"), (54, "1"), (38, "1"))
    assert [reject.get(tag) for tag in (35, 45, 371, 372, 373, 58)] == ["3", "2", "40", "D", "1", "Required tag missing (tag 40)"]
    [reject] = line.hear("ZZ")
    assert (reject.get(373), reject.get(372)) == ("11", "ZZ")
    assert line.order() == [] and len(line.taken) == 1


@pytest.mark.parametrize("how", [{"sender": "YOU"}, {"target": "NYSE"}])
def test_another_name_is_rejected_and_the_line_ends(how):
    line = Line()
    reject, logout = line.order(**how)
    assert (reject.kind, reject.get(373), logout.kind) == ("3", "9", "5")
    assert line.taken == [] and line.session.state is State.CLOSED


@pytest.mark.parametrize("off", [121, -121])
def test_a_clock_two_minutes_off_is_rejected_and_the_line_ends(off):
    line = Line()
    reject, logout = line.order(time=NOW + off * SECOND)
    assert (reject.get(371), reject.get(373), logout.kind) == ("52", "10", "5")
    assert line.taken == []


def test_another_version_or_no_number_ends_the_line():
    line = Line()
    [message] = Frames().feed(encoded([(35, "0"), (49, "ME"), (56, "POLARIS"), (34, "2"), (52, timestamp(NOW))], "FIX.4.2"))
    line.session.take(message, NOW)
    [logout] = line.said()
    assert logout.kind == "5" and "FIX.4.2" in logout.get(58)
    line = Line()
    [message] = Frames().feed(encoded([(35, "0"), (49, "ME"), (56, "POLARIS"), (52, timestamp(NOW))]))
    line.session.take(message, NOW)
    [logout] = line.said()
    assert logout.get(58) == "MsgSeqNum missing" and line.session.closed


def test_a_test_request_is_answered_by_a_heartbeat_of_its_name():
    [beat] = Line().hear("1", (112, "hello"))
    assert (beat.kind, beat.get(112)) == ("0", "hello")


def test_silence_brings_a_heartbeat_then_a_test_then_the_end():
    line = Line()
    assert line.after(29) == []
    assert kinds(line.after(1)) == ["0"]
    assert kinds(line.after(6)) == ["1"]
    assert kinds(line.after(29)) == []
    assert kinds(line.after(1)) == ["0"]
    [logout] = line.after(6)
    assert logout.kind == "5" and line.session.closed


def test_a_heartbeat_keeps_the_line():
    line = Line()
    for _ in range(10):
        line.after(20)
        line.hear("0")
    assert line.session.state is State.ACTIVE


def test_a_logout_is_answered_and_ends_the_line():
    line = Line()
    [answer] = line.hear("5")
    assert answer.kind == "5" and line.session.closed == "logged out"


def test_our_logout_waits_for_theirs_and_not_forever():
    line = Line()
    line.session.leave("the venue closes", NOW)
    assert kinds(line.said()) == ["5"]
    assert line.order() == [] and line.taken == [] and line.record.next_in == 2
    assert not line.session.closed
    line.after(5)
    assert line.session.closed == "the logout was not answered"


def sent_reports(line, count=3):
    for report in range(count):
        line.session.send("8", [(17, f"e{report}"), (58, "ünïcode")], line.now)
    line.session.send("0", (), line.now)
    line.session.send("W", [(55, "BTCUSDT")], line.now)
    line.session.send("9", [(11, "c1")], line.now)
    return line.said()


def test_what_was_sent_comes_again_marked_and_the_sessions_own_is_passed_over():
    line = Line()
    first = sent_reports(line)
    line.now += SECOND
    again = line.hear("2", (7, "1"), (16, "0"))
    assert [(message.kind, message.get(34)) for message in again] == [("4", "1"), ("8", "2"), ("8", "3"), ("8", "4"), ("4", "5"), ("9", "7")]
    assert all(message.flag(43) for message in again)
    assert (again[0].get(123), again[0].get(36), again[4].get(36)) == ("Y", "2", "7")
    assert [message.get(122) for message in again[1:4]] == [timestamp(NOW)] * 3
    assert [message.fields[-2:] for message in again[1:4]] == [message.fields[-2:] for message in first[:3]]
    assert line.record.next_out == 8


def test_a_logon_that_tells_what_it_expects_is_sent_what_it_missed_unasked():
    before = Line()
    sent_reports(before)
    line = Line(before.record, logon=False)
    assert line.logon((789, "4"))
    logon, *again = line.said()
    assert (logon.kind, logon.get(34), logon.get(789)) == ("A", "8", str(line.number))
    assert [(message.kind, message.get(34), message.flag(43)) for message in again] == [("8", "4", True), ("4", "5", True), ("9", "7", True)]
    assert line.record.next_in == line.number


def test_a_logon_that_tells_what_it_expects_and_missed_nothing_is_sent_nothing():
    line = Line(logon=False)
    assert line.logon((789, "1"))
    [logon] = line.said()
    assert (logon.kind, logon.get(789)) == ("A", "2")


def test_our_logon_tells_what_we_miss_and_asks_again_only_where_it_stays_open():
    line = Line(logon=False)
    assert line.logon((789, "1"), number=4)
    [logon] = line.said()
    assert (logon.kind, logon.get(789)) == ("A", "1")
    again = [(43, "Y"), (122, timestamp(NOW))]
    assert line.order("a1", number=1, header=again) == []
    [ask] = [message for message in [*line.after(31), *line.order(number=9)] if message.kind == "2"]
    assert ask.get(7) == "2"
    for number in (2, 3, 4):
        line.hear("4", (123, "Y"), (36, str(number + 1)), number=number, header=again)
    assert [message.get(11) for message in line.taken] == ["a1"] and line.record.next_in == 5


def test_a_part_of_what_was_sent_can_be_asked_for():
    line = Line()
    sent_reports(line)
    assert [message.get(34) for message in line.hear("2", (7, "3"), (16, "4"))] == ["3", "4"]
    assert [(message.kind, message.get(36)) for message in line.hear("2", (7, "5"), (16, "6"))] == [("4", "7")]


@pytest.mark.parametrize(("first", "last"), [("0", "0"), ("9", "0"), ("4", "3")])
def test_numbers_never_sent_can_not_be_asked_for(first, last):
    line = Line()
    sent_reports(line)
    [reject] = line.hear("2", (7, first), (16, last))
    assert (reject.kind, reject.get(371), reject.get(373)) == ("3", "7", "5")


def test_two_gaps_at_once_are_both_filled():
    line = Line()
    sent_reports(line)
    answer = line.hear("2", (7, "2"), (16, "2"), number=4)
    assert kinds(answer) == ["8", "2"]


def test_a_reset_goes_forward_only():
    line = Line()
    assert line.hear("4", (36, "10"), number=99) == []
    assert line.record.next_in == 10
    [reject] = line.hear("4", (36, "5"), number=99)
    assert (reject.get(371), reject.get(373)) == ("36", "5")
    assert line.record.next_in == 10


def test_a_logon_on_a_living_line_may_only_reset_it():
    line = Line()
    line.order()
    [answer] = line.hear("A", (98, "0"), (108, "30"), (141, "Y"), number=1)
    assert (answer.kind, answer.get(34), answer.get(141)) == ("A", "1", "Y")
    assert line.record.next_in == 2
    [logout] = line.hear("A", (98, "0"), (108, "30"), number=2)
    assert logout.kind == "5" and line.session.closed


def test_no_more_than_the_newest_ten_thousand_come_again():
    line = Line()
    for number in range(MOST_RESENT + 5):
        line.session.send("8", [(17, str(number))], line.now)
    line.said()
    again = line.hear("2", (7, "2"), (16, "0"))
    assert len(again) == MOST_RESENT + 1
    assert (again[0].kind, again[0].get(36)) == ("4", again[1].get(34))


def test_a_session_goes_on_where_its_record_ended(tmp_path):
    path = tmp_path / "ME.fix"
    record = FileRecord(path, 7)
    line = Line(record)
    sent_reports(line)
    line.order()
    record.close()
    record = FileRecord(path, 7)
    assert (record.next_in, record.next_out) == (3, 8)
    again = Line(record)
    [*repeated] = again.hear("2", (7, "1"), (16, "0"))
    assert [message.kind for message in repeated] == ["4", "8", "8", "8", "4", "9", "4"]
    record.close()


def test_a_record_belongs_to_one_account(tmp_path):
    path = tmp_path / "ME.fix"
    FileRecord(path, 7).close()
    with pytest.raises(PermissionError, match="account 7, not 8"):
        FileRecord(path, 8)


def test_a_record_cut_short_keeps_all_before_the_cut(tmp_path):
    path = tmp_path / "ME.fix"
    record = FileRecord(path, 7)
    ends = []
    for number in range(20):
        record.heard(number + 2)
        record.sent(b"body %d" % number)
        record.flush()
        ends.append(path.stat().st_size)
    record.close()
    whole = path.read_bytes()
    for size in range(ends[0], len(whole), 7):
        path.write_bytes(whole[:size])
        record = FileRecord(path, 7)
        kept = sum(end <= size for end in ends)
        assert record.next_out == kept + 1 and record.body(kept) == b"body %d" % (kept - 1)
        record.sent(b"after")
        record.close()
        record = FileRecord(path, 7)
        assert record.body(kept + 1) == b"after"
        record.close()


STEPS = st.sampled_from(["heard"] * 6 + [b"", b"one", b"x" * 20, b"y" * 40] * 2 + ["open again", "killed"] * 2 + ["reset"])


@given(st.lists(STEPS, min_size=20, max_size=150))
@example([b"x" * 40, "heard"] * 30 + ["open again", "killed"] + [b"y"] * 40)
def test_a_record_stays_small_and_knows_its_numbers_and_its_newest_messages_whatever_happens(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("fix") / "ME.fix"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "FULL", 400)
        patch.setattr(records, "MOST_RESENT", 5)
        record, heard, sent = FileRecord(path, 7, 3), 1, [b""]
        for step in steps:
            if isinstance(step, bytes):
                record.sent(step)
                sent.append(step)
            elif step == "heard":
                heard += 1
                record.heard(heard)
            elif step == "reset":
                record.reset()
                heard, sent = 1, [b""]
            else:
                record.flush()
                path.with_name("ME.fix.new").write_bytes(path.read_bytes()[:30])  # it died when it was making itself anew
                if step == "open again":
                    record.close()
                record = FileRecord(path)
            record.flush()
            assert (record.account, record.session, record.next_in, record.next_out) == (7, 3, heard, len(sent))
            assert [record.body(number) for number in range(1, len(sent))][-5:] == sent[1:][-5:]
            assert all(record.body(number) in (b"", sent[number]) for number in range(len(sent)))
            assert path.stat().st_size < 800 + 60, "what it keeps is 300 bytes, and it may double"
        record.close()


def test_a_record_that_can_not_be_made_anew_goes_on_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FULL", 400)
    path = tmp_path / "ME.fix"
    record = FileRecord(path, 7)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        for number in range(40):
            record.sent(b"body %d" % number)
            record.flush()
    assert [record.body(number) for number in (1, 40)] == [b"body 0", b"body 39"]
    assert [each.name for each in tmp_path.iterdir()] == ["ME.fix"]
    record.close()
    record = FileRecord(path, 7)
    assert (record.next_out, record.body(1)) == (41, b"body 0")
    record.close()


def test_a_record_in_memory_keeps_the_newest_messages_too():
    record = MemoryRecord()
    for number in range(1, 2 * MOST_RESENT + 3):
        record.sent(b"%d" % number)
    assert record.body(1) == b"" and record.body(2 * MOST_RESENT + 2) == b"%d" % (2 * MOST_RESENT + 2) and record.body(2 * MOST_RESENT + 3) == b""
    assert record.body(MOST_RESENT + 3) == b"%d" % (MOST_RESENT + 3)


def test_a_reset_begins_the_file_anew(tmp_path):
    path = tmp_path / "ME.fix"
    record = FileRecord(path, 7)
    record.sent(b"old")
    record.flush()
    record.reset()
    record.sent(b"new")
    assert record.body(1) == b"new"
    record.close()
    record = FileRecord(path, 7)
    assert (record.next_in, record.next_out, record.body(1)) == (1, 2, b"new")
    record.close()


fields = st.lists(st.tuples(st.sampled_from([7, 16, 34, 36, 43, 45, 49, 52, 56, 97, 108, 112, 122, 123, 141, 11, 55]), st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=0, max_size=20)), max_size=8)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from("012345ADFGVj"), st.integers(0, 6), fields), max_size=20))
def test_whatever_is_said_the_session_stays_whole(said):
    line = Line()
    for kind, number, extra in said:
        before = line.record.next_in
        heard = line.hear(kind, *[(tag, value) for tag, value in extra if tag not in (34, 49, 56, 52)], number=number)
        assert line.record.next_in >= before or kind == "A"
        numbers = [int(message.get(34)) for message in heard if not message.flag(43)]
        assert numbers == sorted(numbers)
    if line.session.closed:
        assert line.order() == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=40))
def test_two_sessions_with_a_losing_line_between_hear_all_in_order(steps):
    """Each side sends numbered reports over a line that drops some; in the end both have heard every one, once, in order."""
    sides = {"a": Session("A", "B", MemoryRecord()), "b": Session("B", "A", MemoryRecord())}
    heard = {"a": [], "b": []}
    sent = {"a": [], "b": []}
    for side in sides.values():
        side.state = State.ACTIVE
        side._heard_at = side._sent_at = NOW

    def carry(now, losing=()):
        moved = True
        while moved:
            moved = False
            for name, other in (("a", "b"), ("b", "a")):
                bytes_out, sides[name].outbox = sides[name].outbox, []
                for data in bytes_out:
                    moved = True
                    [message] = Frames().feed(data)
                    if message.kind in losing:
                        continue
                    taken = sides[other].take(message, now)
                    if taken is not None:
                        heard[other].append(taken.get(379))

    for step, (name, lost) in enumerate(steps):
        sides[name].send("j", [(45, "1"), (372, "D"), (379, str(step)), (380, "0")], NOW)
        sent[name].append(str(step))
        carry(NOW, losing=("j",) if lost else ())
    now = NOW
    for _ in range(3):  # heartbeats show each side what it missed
        now += 30 * SECOND
        for side in sides.values():
            side.tick(now)
        carry(now)
    assert heard["b"] == sent["a"] and heard["a"] == sent["b"]


def test_a_type_of_the_standard_that_has_no_shape_here_is_the_applications_to_refuse():
    line = Line()
    assert line.hear("AE", (571, "t")) == []
    assert kinds(line.taken) == ["AE"]
    assert "AE" in w.STANDARD_TYPES
