"""Closed days as files: one folder a dataset, venue and day, each with its rows, its coverage and a manifest."""
