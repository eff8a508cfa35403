"""Tests of catalogs/exports/line_sheets."""
