"""A load-test backend in a process of its own that writes down each picture that it is asked for.

python counting_server.py PORT SECONDS BOOK
"""

from __future__ import annotations

import os
import sys

from prodgen.engines import engine_server
from prodgen.server import Behaviour, socket_server


def main(port: int, delay_s: float, book: str) -> None:
    """Serve until killed."""
    written = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(path: str) -> None:
        if path.endswith("2img"):
            os.write(written, b"asked\n")

    def tell(url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    server = engine_server("load-test", behaviour=Behaviour(delay_s=delay_s, faults=note))
    socket_server.serve(server, host="127.0.0.1", port=port, on_ready=tell)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
