"""Arrays in and out: lists, NumPy, Torch and anything else that speaks DLPack.

Torch is looked up among the modules that are already loaded, so that nothing here imports it.
"""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tensor: TypeAlias = Any
"""A NumPy array, a Torch tensor, or another tensor with `__dlpack__`."""


def is_torch(value: object) -> bool:
    """Whether `value` is a Torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_tensor(value: object) -> bool:
    """Whether `value` is an array of some library (lists and numbers are not)."""
    return isinstance(value, np.ndarray) or hasattr(value, "__dlpack__")


def on_host(value: Tensor) -> bool:
    """Whether a tensor's memory is the host's."""
    return bool(value.is_cpu) if is_torch(value) else device_of(value) in (1, 3)


def device_of(value: Tensor) -> int:
    """The DLPack device type: 1 is the CPU, 2 CUDA, 3 pinned host memory, 8 Metal."""
    return int(value.__dlpack_device__()[0])


def check_tensor(value: object, operation: str, name: str) -> None:
    """Raises TypeError unless `value` is a tensor, ValueError if it is one without memory."""
    if not is_tensor(value):
        raise TypeError(f"[{operation}] expected {name} as a tensor, got {type(value).__name__}")
    check_memory(value, operation, name)


def check_memory(value: object, operation: str, name: str) -> None:
    """Raises ValueError for a Torch tensor on meta, or one whose memory was freed, as FSDP frees sharded weights."""
    if not is_torch(value):
        return
    tensor: Any = value
    if tensor.is_meta:
        raise ValueError(f"[{operation}] expected {name} on a device with memory, got a tensor on meta")
    plain = type(tensor).__module__.startswith("torch.nn") or type(tensor).__name__ == "Tensor"
    if plain and tensor.numel() and not tensor.untyped_storage().nbytes():
        raise ValueError(f"[{operation}] expected {name} with memory, got a tensor whose memory was freed")


def to_host(value: object, operation: str, name: str) -> NDArray[Any]:
    """A NumPy array with the same values and shape; it shares memory where it can.

    Torch's bfloat16, which NumPy lacks, becomes float32. Raises TypeError for what is no array of numbers.
    """
    check_memory(value, operation, name)
    if is_torch(value):
        tensor: Any = value
        lacking = tensor.dtype is sys.modules["torch"].bfloat16
        array: NDArray[Any] = (tensor.float() if lacking else tensor).numpy(force=True)
    elif hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
        array = np.from_dlpack(value)
    else:
        try:
            array = np.asarray(value)
        except ValueError:
            raise TypeError(f"[{operation}] expected {name} as an array, got ragged lists") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"[{operation}] expected {name} as an array of numbers, got {type(value).__name__}")
    return array


def readable(logits: Tensor, operation: str) -> Tensor:
    """`logits` as the kernels take them: without gradient, and in memory that they read.

    Others' tensors go there as they are, because NumPy has no bfloat16 to put between.
    """
    if is_torch(logits):
        return logits.detach()
    if isinstance(logits, np.ndarray) or not on_host(logits):
        return to_host(logits, operation, "logits")
    return logits


def integers(value: object, operation: str, name: str, dtype: Any = np.int64) -> NDArray[Any]:
    """A contiguous host array of `dtype`. Raises TypeError for other than integers, ValueError beyond the dtype."""
    array = to_host(value, operation, name)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"[{operation}] expected {name} of an integer dtype, got {array.dtype}")
    if array.size and array.dtype != dtype and not np.can_cast(array.dtype, dtype):
        info = np.iinfo(dtype)
        for value in (int(array.max()), int(array.min())):
            if not info.min <= value <= info.max:
                raise ValueError(f"[{operation}] expected {name} within {np.dtype(dtype)}, got {value}")
    return np.ascontiguousarray(array, dtype=dtype)


def doubles(value: object, operation: str, name: str) -> NDArray[np.float64]:
    """A contiguous float64 host array. Raises TypeError for other than floats or integers."""
    array = to_host(value, operation, name)
    if array.size and array.dtype.kind == "b":
        raise TypeError(f"[{operation}] expected {name} of a float dtype, got bool")
    return np.ascontiguousarray(array, dtype=np.float64)


def like(reference: object, array: NDArray[Any]) -> Tensor:
    """`array` as the same kind of tensor as `reference`, on its device; lists and numbers give NumPy."""
    if is_torch(reference):
        return sys.modules["torch"].from_numpy(array).to(reference.device)  # type: ignore[attr-defined]
    if isinstance(reference, np.ndarray) or not hasattr(reference, "__dlpack__"):
        return array
    namespace = getattr(reference, "__array_namespace__", None)
    return namespace().from_dlpack(array) if namespace is not None else array
