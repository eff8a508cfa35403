"""Tests of catalogs/browser/routes."""
