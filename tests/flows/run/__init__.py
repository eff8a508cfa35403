"""Tests of flows/run."""
