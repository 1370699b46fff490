"""What a run would take: memory for each device, tokens, FLOPs, hours. Projections from a data sheet, not measured."""
