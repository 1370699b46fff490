"""What temper adds to vLLM in the engine environment: `fp8` and `prefix` (plugins) and `server` (its start)."""
