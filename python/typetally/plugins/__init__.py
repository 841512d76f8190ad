"""Files that other programs load to find typetally; `typetally plugin NAME` prints where they are."""
