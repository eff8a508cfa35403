"""Tests of catalogs/tables."""
