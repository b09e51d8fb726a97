"""One trial, read top to bottom: data, training, samples, scores, record (no Ray)."""
