"""What temper adds to vLLM in the engine environment: plugins (`drawing`, `fp8`, `prefix`) and its start (`server`)."""
