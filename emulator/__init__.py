"""AWS on a laptop: MiniStack with patches, databases for DSQL, and processes as EC2 instances."""
