"""The server's routes, a module a topic."""
