"""Tests of catalogs/browser/state."""
