"""Other people's data: records of the known forms become this pipeline's rows, others are refused with a reason."""
