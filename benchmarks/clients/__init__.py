"""Clients of an exchange, for drills: what they hold is only what they were told."""
