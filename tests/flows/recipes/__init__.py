"""Tests of flows/recipes."""
