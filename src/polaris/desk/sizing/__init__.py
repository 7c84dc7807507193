"""Sizing: from a forecast to the position we want."""
