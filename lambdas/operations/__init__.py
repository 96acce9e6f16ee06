"""Operations: the job that watches the dead-letter queues of an environment."""
