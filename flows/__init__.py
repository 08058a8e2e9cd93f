"""The top of the house: the loop from knowledge base to served model, and the command line."""


class FlowError(Exception):
    """A run that cannot go on; the message says what failed, where, and what to do next."""


class ConfigError(FlowError):
    """A setting in flowstill.yml that is wrong; the message names file, key and the nearest known key."""


class UsageError(FlowError):
    """A loop, step, run, version or format named on the command line that does not exist; the CLI exits 2."""


class RowsLostError(FlowError):
    """A run ended with rows it could not make; the CLI exits 4. The run goes on when it is started again."""
