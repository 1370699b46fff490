"""The work of each stage, run in its own process: `python -m temper.stages.NAME RUN_DIR`."""
