"""Tests of how lines of text are set."""
