"""Who a candidate has to stand beside."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.shared.patience import WAITS_S, mendable
from temper.artifacts.refs import ModelRef
from temper.artifacts.store import Store
from temper.config import Runtime
from temper.errors import MissingModelError
from temper.registry.bundle import Champion, load
from temper.registry.tracking import Tracker, tracking_uri


@task(
    name="champion",
    cache_policy=NO_CACHE,
    retries=len(WAITS_S),
    retry_delay_seconds=WAITS_S,
    retry_condition_fn=mendable,
)
def champion(name: str, student_fp8: ModelRef, drafter_fp8: ModelRef, *, runtime: Runtime) -> Champion | None:
    """Find the champion.   In: a registered model, what would be served.   Out: what is; None if the same or nobody."""
    try:
        version, ref = Tracker(tracking_uri(runtime)).bundle(name, "champion")
    except MissingModelError:
        return None
    served = load(ref, Store(runtime.store))
    if (served.student_fp8.digest, served.drafter_fp8.digest) == (student_fp8.digest, drafter_fp8.digest):
        return None
    return Champion(name=name, version=version, student_fp8=served.student_fp8, drafter_fp8=served.drafter_fp8)
