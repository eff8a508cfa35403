"""Tests of catalogs/storage."""
