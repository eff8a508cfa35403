"""Which device, precision and batch a run works with."""

import platform

import torch

from flows.errors import SettingsError


def require_device(wanted: str) -> torch.device:
    """Return the device of this name; `auto` takes the first CUDA GPU, else the CPU. SettingsError if it is missing."""
    wanted = wanted.strip().lower()
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        # For a name that torch does not know, its message lists every name that it knows.
        why = str(error).splitlines()[0]
        reason = "" if why.startswith("Expected one of") else f" ({why})"
        raise SettingsError(
            f"The device '{wanted}' is not there{reason}: use auto, cpu, or a GPU that torch can see, as cuda:0."
        ) from error
    return device


def choose_precision(wanted: str, device: torch.device) -> str:
    """Return the precision of features: as wanted; `auto` takes bfloat16 where the device has it in hardware.

    Emulated bfloat16 is 20 times slower than float32.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type == "cpu" and torch.backends.mkldnn.is_available() and _has_bfloat16():
        return "bfloat16"
    return "float32"


def _has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def choose_batch(wanted: int, device: torch.device) -> int:
    """Return the pairs a batch: as wanted; where that is 0, 16 on a GPU, and 1 on a CPU, where batches gain nothing."""
    return wanted or (1 if device.type == "cpu" else 16)


def device_name(device: torch.device) -> str:
    """Return the full name of a device, as a design's record holds it."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {platform.machine()}"
