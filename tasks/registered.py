"""A bundle that was registered before."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.shared.patience import WAITS_S, mendable
from temper.artifacts.store import Store
from temper.config import Runtime
from temper.registry.bundle import Bundle, load
from temper.registry.tracking import Tracker, tracking_uri


@task(
    name="registered",
    cache_policy=NO_CACHE,
    retries=len(WAITS_S),
    retry_delay_seconds=WAITS_S,
    retry_condition_fn=mendable,
)
def registered(name: str, version: str, *, runtime: Runtime) -> Bundle:
    """Find a bundle.   In: a registered model, a version or an alias.   Out: its manifest, its parts verified."""
    _, ref = Tracker(tracking_uri(runtime)).bundle(name, version)
    return load(ref, Store(runtime.store))
