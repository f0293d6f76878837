"""What a run is doing, for Prometheus: a listener to its events that answers at http://HOST:PORT/metrics.

Needs prometheus-client (`pip install 'prodgen[metrics]'`). Labels are places, statuses and kinds of error: a
label with the sku would make a time series of each product.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prodgen.dispatch import Event, PictureDone, PictureFailed, RunEnded, Standing
from prodgen.errors import SettingError, WrongValueError

LOOPBACK = "127.0.0.1"

SECONDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Upper bounds of the histogram of a picture's seconds: from a small GPU-less render to a large, slow one."""


class Metrics:
    """The run's numbers, under names that begin with prodgen_."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        own = self.registry = CollectorRegistry()
        self._done = Counter("prodgen_pictures_done", "Pictures made, by verdict.", ["status"], registry=own)
        self._failed = Counter("prodgen_pictures_failed", "Orders set aside.", ["kind"], registry=own)
        self._retried = Counter(
            "prodgen_tries_failed", "Tries that failed, final or not.", ["place"], registry=own
        )
        self._seconds = Histogram(
            "prodgen_picture_seconds",
            "Work on a picture, all stages.",
            ["place"],
            buckets=SECONDS,
            registry=own,
        )
        self._orders = Gauge("prodgen_orders", "Orders of the catalogue, by state.", ["state"], registry=own)
        self._rate = Gauge("prodgen_pictures_a_minute", "Measured speed of the run.", registry=own)
        self._idle = Gauge(
            "prodgen_place_idle_ratio", "Time that a GPU could have drawn in.", ["place"], registry=own
        )
        self._up = Gauge("prodgen_place_up", "Whether a place answers.", ["place"], registry=own)

    def __call__(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, PictureDone):
            record = event.record
            self._done.labels(record.status).inc()
            self._seconds.labels(record.place).observe(sum(record.seconds.values()))
        elif isinstance(event, PictureFailed):
            self._retried.labels(event.place).inc()
            if event.is_final:
                self._failed.labels(event.failure.kind).inc()
        elif isinstance(event, Standing | RunEnded):
            counts = event.counts
            for state in ("waiting", "claimed", "done", "failed"):
                self._orders.labels(state).set(getattr(counts, state))
            if isinstance(event, Standing):
                self._rate.set(event.pictures_a_minute)
                for place in event.places:
                    self._idle.labels(place.name).set(place.idle_share)
                    self._up.labels(place.name).set(not place.is_lost)


@contextmanager
def metrics_served(address: str) -> Iterator[Metrics]:
    """Serve a run's numbers while the block runs, at PORT of this computer alone or at HOST:PORT.

    Raises:
        SettingError: If prometheus-client is not installed, or the address is none or taken.
    """
    host, port = _read(address)
    try:
        from prometheus_client import start_http_server
    except ImportError as error:
        raise SettingError("--metrics needs prometheus-client: pip install 'prodgen[metrics]'") from error
    metrics = Metrics()
    try:
        server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        reason = f"cannot be listened on ({error.strerror}); choose another port"
        raise WrongValueError("metrics", address, reason) from error
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a reader that hung up is no news
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _read(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise WrongValueError("metrics", address, "must be a port, such as 9464, or HOST:PORT")
    return host.strip("[]") or LOOPBACK, int(port)
