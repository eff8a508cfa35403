"""Prefect: flows, tasks, events, and the server that a run talks to."""
