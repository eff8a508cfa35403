"""Tests of who may ask and write."""
