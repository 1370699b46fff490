"""Secrets: which variables of the environment a process gets, and how their values stay out of what it writes.

A variable is a secret by its name (LARGE_MODEL_KEY, HF_TOKEN), or because a setting named it (`key_env`): the starter
of a process lists those in TEMPER_SECRETS. A process gets the variables that it needs and no others.
"""

import base64
import fnmatch
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote

MASK = "***"
LISTED = "TEMPER_SECRETS"
"""Variable with the names of those that settings named, separated by commas."""
FURTHER = "TEMPER_STAGE_ENV"
"""Variable with the names or patterns (MY_*) of further variables for stages, separated by commas; the user sets it."""
HUB = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")
"""What opens a private repository on the hub."""
REMOTE_STORAGE = ("AWS_", "AZURE_", "GOOGLE_", "GCLOUD_", "FSSPEC_", "S3_")
"""Families of variables that open other people's storage."""
ORDINARY = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP", "TERM"),
        *("COLUMNS", "NO_COLOR", "LD_LIBRARY_PATH", "LD_PRELOAD"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    )
)
"""Variables that any process may need and that hold no secret."""
FAMILIES = (
    *("LC_", "XDG_", "PYTHON", "TEMPER_", "MALLOC_", "RAY_", "SLURM_", "MASTER_"),
    *("CUDA", "NVIDIA_", "NCCL_", "GLOO_", "ROCM_", "HIP_", "HSA_"),
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "TORCH", "PYTORCH_", "TRITON_"),
    *("HF_", "TRANSFORMERS_", "TOKENIZERS_", "VLLM_"),
)
"""How the names of further ordinary variables begin; one of them that has a secret's name is a secret all the same."""
PROXIES = frozenset(("http_proxy", "https_proxy", "all_proxy", "no_proxy"))
"""In lower case; for processes that reach the network."""
SHORTEST = 8
"""Characters from which a value is a secret by the name of its variable: `USE_AUTH=true` is none."""

_SECRET_NAME = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH|JWT|COOKIE)S?(_|$)", re.IGNORECASE
)
_LABELLED = re.compile(
    r"""(?ix)
    (?<=://) [^\s/@:]* : [^\s/@]+ (?=@)                                                        # in a URL
    | (?:proxy-)?authorization ["']? \s*[:=]\s* ["']? (?:bearer|basic|digest)? \s* [^\s"',;{}]+
    | (?:x-)?api[-_]?key ["']? \s*[:=]\s* ["']? [\w.~+/=-]{8,}
    | \b bearer \s+ [\w.~+/=-]{8,}
    """
)
FORMED = re.compile(r"\b(?:sk-[\w-]{16,}|(?:hf|gh[a-z]|xox[a-z])[_-][A-Za-z0-9-]{20,}|glpat-[\w-]{16,}|AKIA\w{16})")


def passed(
    variables: Mapping[str, str],
    *,
    named: Collection[str] = (),
    families: tuple[str, ...] = (),
    online: bool = False,
) -> dict[str, str]:
    """The variables for a process: ordinary ones, those that are `named`, whole `families`, and proxies if `online`.

    Those that FURTHER lists go along to every process.
    """
    further = [pattern.strip() for pattern in variables.get(FURTHER, "").split(",") if pattern.strip()]

    def goes(name: str) -> bool:
        if name in named or name.startswith(families) or any(fnmatch.fnmatchcase(name, item) for item in further):
            return True
        if name.lower() in PROXIES:
            return online
        return (name in ORDINARY or name.startswith(FAMILIES)) and not _SECRET_NAME.search(name)

    return {name: value for name, value in variables.items() if goes(name)}


def held(variables: Mapping[str, str] | None = None) -> set[str]:
    """The values of the secrets among `variables`, by default this process's."""
    variables = os.environ if variables is None else variables
    listed = {name.strip() for name in variables.get(LISTED, "").split(",")}
    return {
        value
        for name, value in variables.items()
        if (name in listed and value) or (_SECRET_NAME.search(name) and name != LISTED and len(value) >= SHORTEST)
    }


def redacted(text: str, secrets: Iterable[str] | None = None) -> str:
    """`text` without the secrets (by default those that this process holds) and whatever looks like one."""
    return FORMED.sub(MASK, _LABELLED.sub(MASK, without(text, held() if secrets is None else secrets)))


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with a mask for each of the secrets, as it is or as JSON, URLs and basic authentication write it."""
    for secret in sorted(secrets, key=len, reverse=True):
        coded = base64.b64encode(secret.encode()).decode()
        for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), coded):
            text = text.replace(form, MASK)
    return text


def repeats(text: str, secret: str) -> bool:
    """Whether `text` holds a part of `secret`, spaced or cut or in other case: eight letters and digits in a row."""
    bare, sought = _bare(text), _bare(secret)
    width = min(SHORTEST, len(sought))
    return width > 0 and any(sought[at : at + width] in bare for at in range(len(sought) - width + 1))


def _bare(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text).lower()
