"""Sagas: pairs of an action and its compensation, made into a state machine."""
