"""The words of the house: numbers, instruments, market rows, orders, control, errors. Imports nothing of ours."""
