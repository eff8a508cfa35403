"""Tests of flows/painting."""
