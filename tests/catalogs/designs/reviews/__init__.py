"""Tests of catalogs/designs/reviews."""
