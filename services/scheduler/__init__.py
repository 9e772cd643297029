"""Serve one request at a time: the queue, the pool of loaded models, and the metrics of each run."""
