"""Tests of catalogs/inputs."""
