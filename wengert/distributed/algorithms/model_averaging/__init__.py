"""Local steps with means of parameters in between (Lin, Stich, Patel & Jaggi, 2020, "Don't use large mini-batches, use
local SGD")."""
