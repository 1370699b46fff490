"""Print a CycloneDX list of what a lock installs: `python requirements/sbom.py requirements/pipeline.txt > sbom.json`.

Names, versions and package URLs of every package in the lock, for every platform. The hashes stay in the lock: a
package has one for each file that an installer may choose.
"""

import json
import re
import sys
from pathlib import Path

PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")


def components(lock: Path) -> list[dict[str, str]]:
    """One CycloneDX component a locked package."""
    pins = (PINNED.match(line) for line in lock.read_text(encoding="utf-8").splitlines())
    return [
        {"type": "library", "name": pin[1], "version": pin[2], "purl": f"pkg:pypi/{pin[1].lower()}@{pin[2]}"}
        for pin in pins
        if pin
    ]


if __name__ == "__main__":
    json.dump(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components(Path(sys.argv[1]))},
        sys.stdout,
        indent=1,
    )
