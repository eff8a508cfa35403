"""Reviews: what people said of designs, act by act, the log of it, and what the log amounts to."""
