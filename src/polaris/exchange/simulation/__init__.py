"""Who trades on the exchange when nobody else does: a seeded market, pure and deterministic."""

from polaris.exchange.simulation.population import Population
from polaris.exchange.simulation.settings import SECOND, Moods, People, Place, Settings, Symbol
from polaris.exchange.simulation.simulated import SimulatedMarket

__all__ = ["SECOND", "Moods", "People", "Place", "Population", "Settings", "SimulatedMarket", "Symbol"]
