"""The effects of an update on what is deployed, from two sets of templates."""
