"""The configuration of a command: read from the environment and checked, all that is wrong named at once."""

from logging_module.config import LoggingConfig


def configured() -> LoggingConfig:
    """The configuration in force. Raises ConfigurationError."""
    config = LoggingConfig.from_env()
    config.validate()
    return config
