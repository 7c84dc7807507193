"""Research: recorded data in, the same desk over it, and what came of it: data, backtest, sweep, evaluate, report."""
