"""Shows what a grounding vision-language model is learning: loss, accuracy and entropy by token type."""

from typetally._core import set_num_threads
from typetally.meter import TokenTypeMeter
from typetally.row_stats import RowStats, row_stats

__all__ = ["RowStats", "TokenTypeMeter", "row_stats", "set_num_threads"]
