"""The command `stylemill`: its subcommands, what they share in the terminal, and the browser that it serves."""
