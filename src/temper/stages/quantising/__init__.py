"""What fp8 is made of: calibrated ranges, and the drafter's quantisation."""
