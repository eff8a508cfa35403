"""Searching designs: the query of an address, and the index of the design table in memory."""
