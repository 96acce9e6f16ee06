"""The runtime of a worker: queues, their consumers, a graceful stop and health reports."""
