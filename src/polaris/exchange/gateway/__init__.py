"""The exchange's edge: dialects, keys, the register of orders, the journal; sockets, clocks and files, which the core never sees."""
