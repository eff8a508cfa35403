"""Variants of the house recipe's optimiser, each by the time that it takes to the house recipe's loss."""
