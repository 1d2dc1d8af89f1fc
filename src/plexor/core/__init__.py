"""What every package may use and nothing of images: errors, ids, seeds, files."""
