"""The champion, moved by hand."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.shared.patience import WAITS_S, mendable
from temper.artifacts.store import Store
from temper.config import Runtime
from temper.registry.champions import Champions
from temper.registry.tracking import Tracker, tracking_uri


@task(
    name="alias",
    cache_policy=NO_CACHE,
    retries=len(WAITS_S),
    retry_delay_seconds=WAITS_S,
    retry_condition_fn=mendable,
)
def alias(name: str, to: str, why: str, *, runtime: Runtime) -> str:
    """Move `champion`.   In: a version, or `previous` to move it back; a reason.   Out: the champion's version."""
    champions = Champions(Tracker(tracking_uri(runtime)), name, Store(runtime.store))
    version = champions.rollback(why).to if to == "previous" else champions.promote(to, why)
    get_run_logger().info("%s: version %s is the champion", name, version)
    return version
