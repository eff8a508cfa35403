"""Tests of flows/orchestration."""
