"""Prefect around a run: flows, tasks, events, artifacts, and the server that a run reports to."""
