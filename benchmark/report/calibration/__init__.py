"""Whether the intervals cover what they say."""
