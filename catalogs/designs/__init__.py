"""The catalog that is written: its table, its facts, the reviews of designs, and its maintenance."""
