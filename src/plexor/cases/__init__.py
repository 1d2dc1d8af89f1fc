"""Cases: images as their files store them, with truth, group and split."""
