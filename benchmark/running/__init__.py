"""From trials to records on this machine."""
