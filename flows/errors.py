"""What can go wrong in composition.

FlowsError
├── SettingsError    a setting or a command's argument cannot be used
├── WeightsError     an encoder's weights cannot be had, or are not the ones that were meant
└── DeviceMemoryError  one pair does not fit the device's memory
"""


class FlowsError(Exception):
    """Base of every error that flows raises on purpose."""


class SettingsError(FlowsError):
    """A setting or a command's argument cannot be used."""


class WeightsError(FlowsError):
    """An encoder's weights cannot be had, or are not the ones that were meant."""


class DeviceMemoryError(FlowsError):
    """Not even one pair fits the device's memory."""
