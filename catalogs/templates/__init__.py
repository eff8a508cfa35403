"""A garment's picture, its mask and its parts: what is cloth, what is refused, what is noted."""
