"""Lines of text in any script: which font has its letters, in which order they stand, how they join, what fits."""
