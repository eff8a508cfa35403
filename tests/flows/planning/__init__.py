"""Tests of flows/planning."""
