"""Where shots are made: a backend and its share of the CPU; order in, picture and record out."""
