"""Tests of flows/pictures."""
