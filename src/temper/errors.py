"""What can go wrong, one exception a cause, each with its own exit code and a message that names the remedy."""

from temper.secrets import redacted


class TemperError(Exception):
    """A failure that a person can mend; the command line prints the message alone and exits with `exit_code`.

    Its message goes to logs, databases and screens, so it is written without the secrets that this process holds.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class ConfigError(TemperError):
    """A preset, an override or a setting is wrong."""

    exit_code = 2


class DataError(TemperError):
    """A data set is missing, malformed, contaminated or refused by validation."""

    exit_code = 3


class StoreError(TemperError):
    """An artifact is missing, damaged or could not be written (a full disk, say)."""

    exit_code = 4


class StageError(TemperError):
    """A stage's process failed, timed out or ended without a valid report."""

    exit_code = 5


class EngineError(TemperError):
    """The inference engine did not start, died or refused a model."""

    exit_code = 6


class TrackingError(TemperError):
    """The tracking server cannot be reached or refused a request."""

    exit_code = 7


class GateError(TemperError):
    """The gate's verdict is no: nothing was promoted."""

    exit_code = 8


class MissingModelError(TemperError):
    """The base model, an asset package or a registered bundle is not there."""

    exit_code = 9


ALL = (ConfigError, DataError, StoreError, StageError, EngineError, TrackingError, GateError, MissingModelError)
"""Every named failure, for whoever has to find one again by its exit code."""
