"""What is measured, and how: timings and throughputs belong here, never into a test."""
