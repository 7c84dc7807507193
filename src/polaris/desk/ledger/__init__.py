"""Ledger: what we hold, what it cost, what it earned."""
