"""AWS on a laptop: MiniStack with patches, DSQL and instances. It knows nothing of the demo."""
