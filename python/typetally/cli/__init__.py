"""The command line: `typetally`."""
