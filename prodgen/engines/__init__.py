"""What draws, behind the protocol that `prodgen.server` states: `ibl` is what draws on a laptop."""
