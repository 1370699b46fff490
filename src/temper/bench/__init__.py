"""How fast M is: closed-loop load of whole customer turns, the ladder of configurations, equal answers."""
