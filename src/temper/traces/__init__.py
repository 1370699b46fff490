"""Other people's data: read in the known forms, refused row by row with a reason, made into this pipeline's rows."""
