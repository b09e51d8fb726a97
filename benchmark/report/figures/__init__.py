"""The report in pictures."""
