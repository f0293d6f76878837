"""Judge any two pictures of a product, whoever made the second: numbers, verdict, and a page to look at.

`finding` says where the product lies in the result, `inspection` brings the two into one framing and
has them measured, `page` shows it. Renders nothing and asks no backend.
"""

from prodgen.inspecting.inspection import Inspection, inspect_files, inspect_pictures, shown_number, status_of
from prodgen.inspecting.locating import Place, find
from prodgen.inspecting.page import page, write_page

__all__ = [
    "Inspection",
    "Place",
    "find",
    "inspect_files",
    "inspect_pictures",
    "page",
    "shown_number",
    "status_of",
    "write_page",
]
