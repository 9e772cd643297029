"""Share between the engines of the NPU what they know of the board and of the runtime's prints."""
