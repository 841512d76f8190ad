"""Which samples stand in which batch, and where."""
