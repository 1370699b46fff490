"""Move the champion alias to a version, or back to the one before."""

from prefect import flow

from tasks.alias import alias
from temper.config import Runtime


@flow(name="promote")
def promote(name: str, to: str = "previous", why: str = "", store: str | None = None) -> str:
    """Make a registered version the champion, whatever its gate said.

    Args:
        name: Registered model.
        to: Its version; `previous` takes the last promotion back.
        why: The reason, kept with the version that leaves the champion's place.
        store: Where its files are kept, as `runtime.store` of its run; `store` under TEMPER_HOME by default.
    """
    return alias(name, to, why, runtime=Runtime(store=store))
