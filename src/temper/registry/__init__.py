"""Who is champion and why: the bundle, the gate, and tracking."""
