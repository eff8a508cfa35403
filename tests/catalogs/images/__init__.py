"""Tests of catalogs/images."""
