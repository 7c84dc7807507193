"""What `python -m tests.fuzz` does where atheris is not installed."""

import contextlib

import pytest

from tests.fuzz import __main__ as entry
from tests.fuzz.target import target


class Weak(contextlib.nullcontext):
    """A siege of something that a zero breaks."""

    def __init__(self, name):
        super().__init__(self)
        self.target, self.attacks = target(name), 0

    def attack(self, data):
        self.attacks += 1
        assert b"0" not in data[1:], "a zero was read"


def test_an_input_that_breaks_something_is_kept_and_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(entry, "ROOT", tmp_path)
    monkeypatch.setattr("tests.fuzz.target.Siege", Weak)
    with pytest.raises(AssertionError, match="a zero was read"):
        entry._by_hypothesis("http_bytes", 30)
    (found,) = (tmp_path / "http_bytes").iterdir()
    assert b"0" in found.read_bytes()
    assert f"one broke something; it is kept in {found}" in capsys.readouterr().out


def test_what_is_withstood_is_counted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(entry, "ROOT", tmp_path)
    entry._by_hypothesis("coinbase_tokens", 0.2)
    assert capsys.readouterr().out.endswith("attacks withstood\n")
    assert not list(tmp_path.iterdir())


def test_without_atheris_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(entry, "find_spec", lambda name: None)
    monkeypatch.setattr(entry, "_by_hypothesis", lambda name, seconds: 0)
    monkeypatch.setattr("sys.argv", ["tests.fuzz", "http_bytes", "--seconds", "1"])
    assert entry.main() == 0
    assert "atheris is not installed" in capsys.readouterr().out
