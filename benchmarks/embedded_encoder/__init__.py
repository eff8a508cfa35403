"""How the embedded encoder is trained and judged."""
