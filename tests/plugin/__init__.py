"""Tests of the pytest plugin, by pytest runs of their own."""
