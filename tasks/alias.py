"""The champion, moved by hand."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from tasks.shared.contract import mendable
from temper.artifacts.store import Store
from temper.config import Runtime
from temper.registry.bundle import load
from temper.registry.tracking import Tracker, tracking_uri


@task(
    name="alias",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_condition_fn=mendable,
)
def alias(name: str, to: str, *, runtime: Runtime) -> str:
    """Move `champion`.   In: a version, or `previous` to move it back.   Out: the champion's version."""
    tracker = Tracker(tracking_uri(runtime))
    version, ref = tracker.bundle(name, to)
    load(ref, Store(runtime.store))  # a champion whose files are gone would serve nobody
    if to == "previous":
        tracker.rollback(name)
    else:
        tracker.promote(name, version)
    get_run_logger().info("%s: version %s is the champion", name, version)
    return version
