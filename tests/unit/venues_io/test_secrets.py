"""A secret shows itself nowhere."""

import pickle

import msgspec
import pytest

from polaris.venues.secrets import Secret


def test_a_secret_prints_as_three_stars_however_it_is_printed():
    secret = Secret("hunter2")
    assert {repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{secret}", "%s" % secret, f"{[secret]}"} == {"***", "[***]"}  # noqa: UP031
    assert f"{secret:>5}" == "  ***"
    assert "hunter2" not in repr(vars(type(secret)))


def test_a_secret_reveals_itself_only_when_asked():
    assert Secret("hunter2").reveal() == "hunter2"


def test_secrets_compare_by_value_and_can_not_be_hashed():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("") and Secret("a")
    with pytest.raises(TypeError):
        hash(Secret("a"))


def test_a_secret_can_be_neither_pickled_nor_written_as_json():
    with pytest.raises(TypeError, match="environment variable"):
        pickle.dumps(Secret("hunter2"))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret("hunter2"))
