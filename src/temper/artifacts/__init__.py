"""What stages leave: references, digests, and the store that holds whole folders."""
