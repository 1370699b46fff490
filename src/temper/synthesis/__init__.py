"""Data by simulation: a scripted customer plays against M, run by a scripted teacher; a judge corrects; sets are made."""
