"""Tests of stylecore."""
