"""Tests of catalogs/browser/search."""
