"""The ports out: one folder a venue, each with the same six names; the shared parts once, beside them."""
