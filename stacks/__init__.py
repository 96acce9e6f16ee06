"""The infrastructure: one stack for each service, and stacks for parts that no service owns."""
