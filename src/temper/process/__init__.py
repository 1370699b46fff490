"""Processes: start, guard and follow them; their spec, report and journal; servers; cache keys."""
