"""The exchange, the second deterministic core: commands in, events out; no clock, no socket, no disk, no dice."""

from polaris.exchange.book import MatchingEngine
from polaris.exchange.words import COMMAND, EVENT, ORDER

__all__ = ["COMMAND", "EVENT", "ORDER", "MatchingEngine"]
