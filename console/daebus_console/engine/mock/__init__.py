"""Answering in place of services that are not there."""
