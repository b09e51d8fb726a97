"""Records and files on disk: content-addressed, written whole or not at all."""
