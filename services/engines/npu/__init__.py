"""Read the board and what the runtime prints, for all engines of the NPU."""
