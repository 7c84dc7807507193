"""Risk: limits on what may be wanted, and a gate that every order passes."""
