"""Recorded market data as Parquet that anyone's tools can read, and that the desk reads back row for row."""
