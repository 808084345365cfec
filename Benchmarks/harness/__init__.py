"""Benchmarks of outputfs beside its rivals and the raw limits, in turns, with the server's own counts."""
