"""Venues we serve ourselves, in the venues' own dialects: the built-in market, and recordings played to any client."""
