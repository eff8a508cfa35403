"""Tests of flows/workers."""
