"""Tests of flows/running."""
