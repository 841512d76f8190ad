"""Types samples before collation and places the types in the batch."""

from typetally.collator.collator import TokenTypeCollator

__all__ = ["TokenTypeCollator"]
