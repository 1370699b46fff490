"""`temper clean`: remove what no run needs any more, and say how much of the disk that frees."""

from temper.home import home
from temper.process import clean as process


def clean(older_days: int, *, dry_run: bool) -> int:
    """Print what was removed, or with `dry_run` what would be. Raises ConfigError while a run may be alive."""
    verb = "would free" if dry_run else "freed"
    print(f"{home()}, untouched for {older_days} days:")
    for removed in process.clean(older_days, dry_run=dry_run):
        print(f"{removed.kind:<13} {removed.count:>4}  {verb} {removed.size / 1e6:.1f} MB")
        if removed.kept:
            print(f"{'':13} {removed.kept}")
    return 0
