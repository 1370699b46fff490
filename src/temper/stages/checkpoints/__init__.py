"""Where a base model comes from: a GGUF file, or a tiny random one."""
