"""What cpt, sft and dpo share: rows as tokens, trainers, and what makes them fast on CPUs."""
