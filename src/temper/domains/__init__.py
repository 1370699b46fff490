"""What the agent system works in. `load_domain` finds a built-in domain by name."""

import importlib

from temper.domains.base import Domain
from temper.errors import ConfigError

BUILT_IN = ("automotive",)


def load_domain(name: str) -> Domain:
    """The built-in domain `name`. Raises ConfigError with the names there are."""
    if name not in BUILT_IN:
        raise ConfigError(f"no domain named {name!r}; built in: {', '.join(BUILT_IN)}")
    domain: Domain = importlib.import_module(f"temper.domains.{name}").DOMAIN
    return domain
