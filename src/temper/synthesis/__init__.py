"""Data by simulation: a scripted customer plays against M, run by a scripted teacher with a judge behind it."""
