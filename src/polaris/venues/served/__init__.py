"""Recordings, played to any client in their venue's own dialect."""
