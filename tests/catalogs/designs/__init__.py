"""Tests of catalogs/designs."""
