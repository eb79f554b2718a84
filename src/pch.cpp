// Gives the precompiled header of every torch-using module a target to live in.
