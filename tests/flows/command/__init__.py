"""Tests of flows/command."""
