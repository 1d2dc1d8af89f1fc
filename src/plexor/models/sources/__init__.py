"""Where models come from: files of other programs, servers, functions; one file for each source."""
