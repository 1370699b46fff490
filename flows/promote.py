"""Move the champion alias to a version, or back to the one before."""

from prefect import flow

from tasks.alias import alias
from temper.config import Runtime


@flow(name="promote")
def promote(name: str, to: str = "previous") -> str:
    """Make a registered version the champion, whatever its gate said.

    Args:
        name: Registered model.
        to: Its version; `previous` takes the last promotion back.
    """
    return alias(name, to, runtime=Runtime())
