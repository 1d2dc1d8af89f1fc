"""The command line: parse, call one function, print; nothing else."""
