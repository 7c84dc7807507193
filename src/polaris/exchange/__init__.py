"""The exchange, the second deterministic core: commands in, events out; no clock, no socket, no disk, no dice."""

from polaris.exchange.book import MatchingEngine
from polaris.exchange.core import Exchange
from polaris.exchange.listing import Asset, Listing, Rules
from polaris.exchange.words import COMMAND, EVENT, ORDER

__all__ = ["COMMAND", "EVENT", "ORDER", "Asset", "Exchange", "Listing", "MatchingEngine", "Rules"]
