"""The command `prodgen`, and `python -m prodgen`."""

from prodgen import stopping


def run() -> None:
    """Run the command line as this process."""
    stopping.run("prodgen.cli:main")


if __name__ == "__main__":
    run()
