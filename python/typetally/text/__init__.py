"""Vocabularies, grammars, and training data as text."""
