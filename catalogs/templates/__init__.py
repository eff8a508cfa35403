"""A garment's picture, its mask and its parts: which pixels are cloth, which files are refused, and notes on them."""
