"""What a search asks next, and what came of it."""
