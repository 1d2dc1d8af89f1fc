"""Reader studies: what readers see in the images of an audit."""
