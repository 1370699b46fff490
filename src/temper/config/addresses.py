"""Addresses that people type: of endpoints, servers and stores. None may hold a password: they are written down."""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

HTTP = frozenset(("http", "https"))
TRACKING = HTTP | {"sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "arn"}
"""Where MLflow keeps runs; a database's scheme may name its driver (mysql+pymysql)."""
_SECRET = re.compile(r"key|token|secret|password|passwd|signature|^sig$|auth", re.IGNORECASE)


def wrong(address: str, schemes: Collection[str]) -> str | None:
    """What is wrong with an address among settings; None when nothing is. Never repeats a password."""
    return "it holds a password or a key" if secret(address) else malformed(address, schemes)


def malformed(address: str, schemes: Collection[str]) -> str | None:
    """Why this is no address with one of `schemes`; None when it is one."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return "it is no address"
    shown = "it" if "@" in address else repr(address)
    scheme = parts.scheme.partition("+")[0]
    if scheme not in schemes and address not in schemes:
        return f"{shown} does not begin with {' or '.join(f'{name}:' for name in sorted(schemes))}"
    if scheme in HTTP and (not parts.hostname or re.search(r"\s", address)):
        return f"{shown} names no host"
    return None


def secret(address: str) -> bool:
    """Whether an address holds a password (user:password@) or a parameter that is a key."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    named = any(_SECRET.search(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return parts.password is not None or (parts.scheme in HTTP and parts.username is not None) or named
