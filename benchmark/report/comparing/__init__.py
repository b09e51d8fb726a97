"""Strategies compared: paired differences, intervals, significance, what they are worth in images."""
