"""Two runs of a suite, compared."""
