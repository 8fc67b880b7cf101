"""Objectives, one per file: the trained parameters and the losses of a sample."""
