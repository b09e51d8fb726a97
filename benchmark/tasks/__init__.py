"""What is asked of a trained model: the headline of its records (no torch)."""
