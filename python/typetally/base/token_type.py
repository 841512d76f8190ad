"""The values of `token_types` tensors, as in typetally/base/token_type.h."""

DESC, COORD, FORMAT, IGNORE = 1, 2, 3, -1
TYPE_NAMES = {DESC: "desc", COORD: "coord", FORMAT: "format", IGNORE: "ignore"}
IGNORE_INDEX = -100
"""The label of a token that is not supervised."""
