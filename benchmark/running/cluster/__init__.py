"""From trials to records by Ray, on this machine or a cluster: the one room that knows it."""
