"""The engine on this machine's GPU: Stable Diffusion and IC-Light through torch and diffusers.

Both are imported at the first picture or the first file, never by the package itself.
"""
