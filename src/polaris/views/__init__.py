"""Read models folded from the records of the log: what a screen needs, ready to draw. They decide nothing."""
