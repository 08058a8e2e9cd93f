"""One module a service; each a plain class with the few verbs that flowstill needs."""


class ServiceError(Exception):
    """A service, file or model that cannot be used; the message says what failed, where, and what to do."""


def missing_extra(extra: str, what: str) -> ServiceError:
    """The error for a third-party package that is not installed: it names the extra that brings it."""
    return ServiceError(f'{what} needs extra packages: pip install "flowstill[{extra}]"')
