"""The recipes: named ones, TOML of one's own, what is kept of them, and what a plan says of their fields."""
