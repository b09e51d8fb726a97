"""Manifest and records in, one suite's records out."""
