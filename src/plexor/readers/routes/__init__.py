"""The routes of a study's server."""
