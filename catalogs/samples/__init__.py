"""A sample catalog drawn by our own code: garments that look like cloth, and pattern styles."""
