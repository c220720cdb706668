"""What a run leaves on disk: values, files, folders, and the facts of its manifest."""
