"""Benchmarks. They measure times and throughputs, which tests never assert."""
