"""One piece of work on a server, from the request to pictures that provably are what was asked for."""
