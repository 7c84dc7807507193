"""Execution: orders sent, worked, filled, cancelled; the simulated venue; the plan that leads from a target to orders."""
