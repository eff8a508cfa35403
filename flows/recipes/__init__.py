"""Recipes: the named ones and those in TOML, what a design catalog keeps of them, and remarks on their fields."""
