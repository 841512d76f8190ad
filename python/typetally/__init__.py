"""Shows what a grounding vision-language model is learning: loss, accuracy and entropy by token type."""

from typetally._core import set_num_threads

__all__ = ["set_num_threads"]
