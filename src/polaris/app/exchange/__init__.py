"""An exchange of one's own, put together: what it lists, its machine on its journal, its dialects, who trades on it."""
