"""What a wrong setting raises."""


class ConfigurationError(ValueError):
    """A setting is wrong; the text is one line that names it, its value, where it comes from and what was expected."""


class ConfigurationFileNotFoundError(ConfigurationError, FileNotFoundError):
    """The configuration file does not exist."""
