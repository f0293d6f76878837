"""Reaching a server: its address, the connection, time-outs, retries, and its refusals as our errors."""
