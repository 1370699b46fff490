"""vLLM flags that `engine.flags` may not hold: those that temper sets from other settings, and those that open a door.

vLLM's parser takes underscores for dashes, `--flag=value`, `--flag.key value`, and any beginning that is unambiguous.
"""

SETTINGS = {
    "dtype": "engine.dtype",
    "max-model-len": "engine.max_model_len",
    "max-num-seqs": "engine.max_num_seqs",
    "kv-cache-memory-bytes": "engine.kv_cache_gib",
    "kv-cache-dtype": "fp8.kv_cache",
    "kv-offloading-size": "engine.kv_offload_gib",
    "speculative-config": "engine.draft_length",
    "sc": "engine.draft_length",
    "spec-method": "engine.draft_length",
    "spec-model": "engine.draft_length",
    "spec-tokens": "engine.draft_length",
    "tensor-parallel-size": "engine.tensor_parallel",
    "tp": "engine.tensor_parallel",
    "enable-prefix-caching": "engine.prefix_caching",
}
"""Flags that follow from a setting, and the setting."""
DOORS = frozenset(
    (
        # who can reach the engine, and whom it reaches
        *("host", "port", "uds", "grpc-port", "root-path", "api-key", "headless", "enable-scale-out"),
        *("allowed-origins", "allowed-methods", "allowed-headers", "allow-credentials"),
        *("ssl-keyfile", "ssl-certfile", "ssl-ca-certs", "ssl-cert-reqs", "ssl-ciphers", "enable-ssl-refresh"),
        *("data-parallel-address", "data-parallel-rpc-port", "data-parallel-supervisor-port"),
        *("data-parallel-external-lb", "data-parallel-hybrid-lb", "data-parallel-multi-port-external-lb"),
        *("dpa", "dpp", "dpe", "dph", "dpm", "master-addr", "master-port", "nnodes", "node-rank", "n", "r"),
        *("kv-transfer-config", "kv-events-config", "ec-transfer-config", "ec-manager-config"),
        *("weight-transfer-config", "tool-server", "otlp-traces-endpoint", "collect-detailed-traces"),
        # code and files of others
        *("trust-remote-code", "config", "load-format", "model-loader-extra-config", "model-impl"),
        *(
            "model-class-overrides",
            "hf-overrides",
            "hf-config-path",
            "hf-token",
            "config-format",
            "logits-processors",
            "middleware",
        ),
        *("worker-cls", "worker-extension-cls", "scheduler-cls", "distributed-executor-backend", "additional-config"),
        *("tool-parser-plugin", "reasoning-parser-plugin", "io-processor-plugin", "log-config-file", "logging-config"),
        *("enable-prompt-embeds", "enable-mm-embeds", "trust-request-chat-template", "trust-request-mm-kwargs"),
        *("allowed-local-media-path", "allowed-media-domains", "download-dir", "profiler-config"),
        # another model, or other words for it
        *("model", "model-tag", "served-model-name", "revision", "code-revision", "lora-modules"),
        *("tokenizer", "tokenizer-mode", "tokenizer-revision", "skip-tokenizer-init"),
        *("chat-template", "default-chat-template-kwargs"),
        # customers' words in a log
        *("enable-log-requests", "enable-log-outputs"),
    )
)
"""Flags that would let others reach the engine, run code that is not vLLM's, or serve something else."""


def refusal(flag: str) -> str | None:
    """Why the word `flag` of a command line is refused; None when it is not, or is a value."""
    if not flag.startswith("-") or _is_number(flag):
        return None
    name = flag.lstrip("-").partition("=")[0].partition(".")[0].replace("_", "-").lower().removeprefix("no-")
    if not name:
        return f"{flag!r} is no flag: remove it"
    for refused in (*SETTINGS, *sorted(DOORS)):
        if name == refused or (refused.startswith(name) and flag.startswith("--")):
            setting = SETTINGS.get(refused)
            return f"{flag!r} is not taken: " + (
                f"set {setting}" if setting else "temper keeps the engine on loopback, without others' code; remove it"
            )
    return None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
