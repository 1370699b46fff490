"""What temper adds to vLLM in the engine environment: plugins (`drawing`, `fp8`) and its start (`server`)."""
