"""Log lines: one fact and its fields, and never a secret."""

import io
import json
import logging as standard

import pytest
import structlog

from polaris.app import logging


@pytest.fixture
def lines():
    """What was logged, as JSON; puts the standard logger back afterwards."""
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logging.configure("json", "info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_is_one_event_and_its_fields(lines):
    structlog.get_logger().warning("feed gap", venue="coinbase", expected=812, found=815)
    (line,) = lines()
    assert line.pop("timestamp")
    assert line == {"event": "feed gap", "level": "warning", "venue": "coinbase", "expected": 812, "found": 815}


def test_a_quiet_level_is_not_written(lines):
    structlog.get_logger().debug("tick")
    assert lines() == []


SECRETS = [
    {"api_key": "hunter2"},
    {"API_SECRET": "hunter2"},
    {"headers": {"Authorization": "Bearer hunter2hunter2"}},
    {"request": "GET /account?apiKey=hunter2&signature=hunter2"},
    {"url": "postgresql://desk:hunter2@db/polaris"},
    {"said": "authorization: Bearer hunter2hunter2"},
    {"body": b'{"api_secret": "hunter2"}'},
    {"nested": [{"deep": {"passphrase": "hunter2"}}]},
    {"error": ValueError("token=hunter2 was refused")},
    {"key": "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----"},
]


@pytest.mark.parametrize("fields", SECRETS)
def test_a_secret_is_never_written(lines, fields):
    structlog.get_logger().info("connecting", **fields)
    structlog.get_logger().info(f"connecting with {fields}")
    standard.getLogger("library").warning("with %s", fields)
    text = json.dumps(lines())
    assert len(lines()) == 3
    assert "hunter2" not in text
    assert "***" in text


def test_a_secret_in_a_traceback_is_never_written(lines):
    try:
        raise ValueError("api_secret=hunter2")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines()
    assert "ValueError" in line["exception"]
    assert "hunter2" not in json.dumps(line)


def test_what_only_resembles_a_secret_stays_readable(lines):
    structlog.get_logger().info("book", symbol="BTC-USD.coinbase", token_count=3, price=65083.66, has_token=True, token=None)
    (line,) = lines()
    assert (line["symbol"], line["price"], line["token"]) == ("BTC-USD.coinbase", 65083.66, None)


def test_a_terminal_gets_words(capsys):
    stream = io.StringIO()
    logging.configure("console", "info", stream)
    structlog.get_logger().info("feed gap", venue="coinbase", api_key="hunter2")
    structlog.reset_defaults()
    standard.getLogger().handlers[:] = []
    assert "feed gap" in stream.getvalue()
    assert "venue=coinbase" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
