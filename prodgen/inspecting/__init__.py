"""Judge any two pictures of a product, whatever made the second: numbers, verdict, and a page to look at.

`locating` finds the product in the result, `inspection` brings both pictures into one framing and has them
measured, `page` shows that. Draws nothing and asks no backend.
"""

from prodgen.inspecting.inspection import Inspection, inspect, inspect_pictures, shown_number, status_of
from prodgen.inspecting.locating import ProductPlace, find

__all__ = [
    "Inspection",
    "ProductPlace",
    "find",
    "inspect",
    "inspect_pictures",
    "shown_number",
    "status_of",
]
