"""Reader studies: what people see in the images of an audit."""
