"""What any model's training needs: optimiser, batches, checkpoints, precision, seeds; knows no model."""
