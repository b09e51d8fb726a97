"""Scores of generated images: feature extractors, distances between feature sets, memorisation."""
