"""The catalog that is written: its table, its facts, what people say of designs, and its upkeep."""
