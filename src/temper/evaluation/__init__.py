"""How good a model is as M: scores on held-out points, scenarios, changed prompts."""
