"""Tests of catalogs/storage/delta."""
