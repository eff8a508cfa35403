"""Tests of the check of JavaScript."""
