"""Painting: canvases, levels, starts and optimisers, and the mill that takes batches of pairs through them."""
