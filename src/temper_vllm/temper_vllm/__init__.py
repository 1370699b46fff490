"""What temper adds to vLLM in the engine environment: `drawing`, `fp8` and `prefix` (plugins) and `server` (its start)."""
