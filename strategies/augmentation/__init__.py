"""What a view is made of: operations, their draws, and the spaces that name their ranges."""
