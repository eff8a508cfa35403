"""Tests of catalogs/browser/auth."""
