"""The agent system M: five roles over one OpenAI-compatible endpoint, typed parsers, a plan language, a runtime."""
