"""What draft is made of: hidden states, their trainer, what a drafter should learn from."""
