"""Probes: everything an audit does to a model."""
