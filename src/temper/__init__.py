"""temper: customise a compact language model for a multi-agent system and prove that it is faster and as good."""

__version__ = "0.1.0"
