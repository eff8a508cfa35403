"""Tests of what leaves the catalog."""
