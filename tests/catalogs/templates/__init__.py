"""Tests of catalogs/templates."""
