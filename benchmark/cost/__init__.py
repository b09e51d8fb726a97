"""Hours and disk, said before a run."""
