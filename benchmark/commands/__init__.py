"""What a user types, one file each."""
