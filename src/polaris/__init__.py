"""Polaris Synapse: an autonomous trading desk with one deterministic core for backtest, paper and live.

Importing the package is cheap: nothing compiled is touched until a room that needs it is imported.
"""

__version__ = "0.1.0"
