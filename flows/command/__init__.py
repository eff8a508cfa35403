"""The command `stylemill`: its parts, its terminal, and the browser that it serves."""
