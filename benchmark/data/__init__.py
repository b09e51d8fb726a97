"""Datasets: real images in, uint8 arrays with a fixed held-out split and a fingerprint out (no torch)."""

from benchmark.data.dataset import Dataset, DatasetSpec, budget_indices, load_dataset

__all__ = ["Dataset", "DatasetSpec", "budget_indices", "load_dataset"]
