"""Kinds of models behind one contract: PC-VQ2, marginals, and a user's own (no torch until one is built)."""
