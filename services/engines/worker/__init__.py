"""Drive engines in worker processes: both sides of the protocol."""
