"""The errors that flows raises on purpose.

FlowsError
├── SettingsError    a setting or a command's argument cannot be used
│   └── NothingRejectedError  no run has rejected anything that could be tried again
├── ReportError      the report of an earlier run cannot be read
├── TemporaryServerError  Prefect's temporary server did not start, or ended too early
├── OutputError      standard output cannot be written
├── WeightsError     an encoder's weights cannot be read, or are not the ones that the recipe names
├── DeviceMemoryError  one pair does not fit the device's memory
├── DeviceLostError  the only device failed, or every worker did, again and again
├── WorkerLostError  a process or machine that made designs is gone; another can take its shard
└── StoppedError     a worker ended early, as the run told it to stop
"""


class FlowsError(Exception):
    """Base of every error that flows raises on purpose."""


class SettingsError(FlowsError):
    """A setting or a command's argument cannot be used."""


class NothingRejectedError(SettingsError):
    """No run has rejected anything that could be tried again."""


class ReportError(FlowsError):
    """The report of an earlier run cannot be read."""


class TemporaryServerError(FlowsError):
    """Prefect's temporary server did not start, or ended while a run was on."""


class OutputError(FlowsError):
    """Standard output cannot be written."""


class WeightsError(FlowsError):
    """An encoder's weights cannot be read, or are not the ones that the recipe names."""


class DeviceLostError(FlowsError):
    """No device is left to make designs on."""


class DeviceMemoryError(FlowsError):
    """Not even one pair fits the device's memory."""


class WorkerLostError(FlowsError):
    """A worker is gone with its shard; finished designs are filed."""


class StoppedError(FlowsError):
    """A worker ended its work early because the run told it to stop."""
