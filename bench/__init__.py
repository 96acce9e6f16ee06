"""Benchmarks: timings and throughputs are measured here, and never asserted in a test."""
