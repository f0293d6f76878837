"""The engine that is another program: a ComfyUI server, asked over its own API."""
