"""What a server is and has: kind, version, lists, options, memory."""
