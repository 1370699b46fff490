"""What temper adds to vLLM inside the engine environment: `fp8` (a plugin) and `server` (the start of the process)."""
