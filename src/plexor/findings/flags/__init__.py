"""Doubts about the evaluation itself: looked for in every audit, and part of its summary."""
