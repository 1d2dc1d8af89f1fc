"""Mutation testing: changes the code in small ways and asks whether a test notices.

``python -m scripts.mutants --sample 40`` draws 40 mutants of each area (``areas.py``), runs for
each mutant the tests that execute the mutated function, quickest first, and writes the share that
was killed and the list of survivors to ``docs/reference/mutants.md``. Results are kept in
``.make/mutants/``, one file an area, so that an interrupted run is resumed.
"""
