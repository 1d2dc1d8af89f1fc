"""How far a model leans on burnt-in tags, measured on every case of a cohort."""

from plexor.audits.tags.run import TagQuestions, measure_tags

__all__ = ["TagQuestions", "measure_tags"]
