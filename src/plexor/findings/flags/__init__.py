"""Flags: checks of the evaluation itself, made in every audit and part of its summary."""
