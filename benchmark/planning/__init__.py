"""YAML -> Suite -> Trials: all is resolved, checked and hashed before any training."""
