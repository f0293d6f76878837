"""Tells another program, by a signed HTTP POST, that pictures failed and that a run has ended.

A listener to the events of a run: it sends from a thread of its own, tries again for a while, and what cannot
be delivered becomes a notice; the run neither waits nor stops for it. A body holds skus, slots, counts and
statuses, no prompt, path, address or reason.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
import time
import uuid
from collections import deque
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

import httpx
import tenacity

from prodgen import stopping
from prodgen.dispatch import Event, PictureFailed, RunEnded, Standing
from prodgen.errors import SettingError, WrongValueError
from prodgen.ledger import Counts

SECRET_VARIABLE = "PRODGEN_WEBHOOK_SECRET"  # noqa: S105 - a variable's name
"""Where the secret is read from: other users of a machine see its command lines, not its environment."""

ID_HEADER = "X-Prodgen-Delivery"
"""A name of the message, which further tries keep, so that a receiver can leave out what it has already."""

TIMESTAMP_HEADER = "X-Prodgen-Timestamp"
"""Seconds since 1970, so that a receiver can refuse what was recorded and is sent again later."""

SIGNATURE_HEADER = "X-Prodgen-Signature"
"""`sha256=` and the hexadecimal HMAC-SHA256, with the secret, of the timestamp, a full stop and the body."""

TIMEOUT_S = 10.0
"""A receiver is to answer first and work later; so are GitHub's and Stripe's webhooks."""

TRY_FOR_S = 60.0
"""How long one message is tried again, for a receiver that is being restarted."""

LAST_WORDS_S = 30.0
"""Longest wait at a run's end until everything is sent."""

MOST_NAMED = 100
"""Failed pictures that one message names; further ones are counted. It bounds body and memory."""


WORTH_ANOTHER_TRY = (408, 425, 429)
"""Answers that ask for patience (RFC 9110, RFC 8470, RFC 6585), beside all from 500 on; others are final."""


class _NotTakenError(Exception):
    """The receiver answered with `status`, and did not take the message."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered {status}")
        self.status = status


class Webhook:
    """Sends `pictures.failed` and `run.ended`; failures that come while a message is under way share one.

    Args:
        url: Where to POST to, http or https.
        secret: What bodies are signed with; None reads PRODGEN_WEBHOOK_SECRET.
        transport: How requests are sent; None opens connections.
        try_for_s: Seconds for which a message is tried again; None takes `TRY_FOR_S`.

    Raises:
        SettingError: If there is no secret, or the URL is none.
    """

    def __init__(
        self,
        url: str,
        secret: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        try_for_s: float | None = None,
    ) -> None:
        self._url = _checked(url)
        self._secret = _secret(secret)
        self.notices: deque[str] = deque()
        """What could not be delivered, a sentence each; whoever shows one takes it out."""
        self._client = httpx.Client(transport=transport, timeout=TIMEOUT_S, trust_env=transport is None)
        self._try_for_s = TRY_FOR_S if try_for_s is None else try_for_s
        self._changed = threading.Condition()
        self._failed: deque[dict[str, str]] = deque(maxlen=MOST_NAMED)
        self._failures = 0
        self._counts = Counts()
        self._end: str | None = None
        self._is_closed = False
        self._gives_up = threading.Event()
        self._sender = threading.Thread(target=self._send_all, name="webhook", daemon=True)
        self._sender.start()

    def __call__(self, event: Event) -> None:
        """Note an event, and have it sent if it is one of those that are."""
        with self._changed:
            if isinstance(event, PictureFailed) and event.is_final:
                order, kind = event.order, event.failure.kind
                self._failed.append({"sku": order.sku, "slot": order.slot, "status": "failed", "kind": kind})
                self._failures += 1
            elif isinstance(event, Standing | RunEnded):
                self._counts = event.counts
                self._end = event.end if isinstance(event, RunEnded) else None
            self._changed.notify()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send what is left, for `LAST_WORDS_S` at most; a run that broke off has ended by "error"."""
        is_stopped = isinstance(error, KeyboardInterrupt)
        broke_off = {True: "stopped", False: "error"}[is_stopped] if error is not None else None
        self.close(broke_off, patience_s=stopping.PATIENCE_S if is_stopped else LAST_WORDS_S)

    def close(self, end: str | None = None, *, patience_s: float = LAST_WORDS_S) -> None:
        """Send what is left, for so long at most, and end.

        Args:
            end: How the run ended, if no `RunEnded` came.
            patience_s: Seconds.
        """
        with self._changed:
            self._is_closed = True
            self._end = self._end or end
            self._changed.notify()
        self._sender.join(patience_s)
        self._gives_up.set()
        self._sender.join(TIMEOUT_S)
        self._client.close()

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._failures or self._end or self._is_closed)
                message = self._next()
            if message is None:
                return
            try:
                self._deliver(message)
            except (httpx.HTTPError, _NotTakenError) as error:
                host = self._url.host
                reason = str(error) or type(error).__name__
                self.notices.append(f"the webhook at {host} did not take {message['event']!r}: {reason}")

    def _next(self) -> dict[str, Any] | None:
        """Return the next message, failures before the end; None if nothing is left."""
        if self._failures:
            named, all_of_them = list(self._failed), self._failures
            self._failed.clear()
            self._failures = 0
            return {"event": "pictures.failed", "pictures": named, "more": all_of_them - len(named)}
        if self._end is not None:
            end, self._end = self._end, None
            return {"event": "run.ended", "end": end, "counts": asdict(self._counts)}
        return None

    def _deliver(self, message: dict[str, Any]) -> None:
        """Send one message, and again until it is taken.

        Raises:
            httpx.HTTPError: If nobody could be reached in time.
            _NotTakenError: If it was answered with something else than a status of 200 to 299.
        """
        body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
        delivery = str(uuid.uuid4())
        tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_worth_another_try),
            stop=tenacity.stop_after_delay(self._try_for_s) | tenacity.stop_when_event_set(self._gives_up),
            wait=tenacity.wait_exponential(multiplier=0.5, max=10) + tenacity.wait_random(0, 0.1),
            sleep=tenacity.sleep_using_event(self._gives_up),
            reraise=True,
        )(self._post, body, delivery)

    def _post(self, body: bytes, delivery: str) -> None:
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            ID_HEADER: delivery,
            TIMESTAMP_HEADER: stamp,
            SIGNATURE_HEADER: signature(self._secret, stamp, body),
        }
        answer = self._client.post(self._url, content=body, headers=headers)
        if not answer.is_success:
            raise _NotTakenError(answer.status_code)


def _is_worth_another_try(error: BaseException) -> bool:
    if isinstance(error, _NotTakenError):
        return error.status in WORTH_ANOTHER_TRY or error.status >= 500
    return isinstance(error, httpx.TransportError)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what `X-Prodgen-Signature` says: a receiver makes it too, and compares in constant time."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def _checked(url: str) -> httpx.URL:
    remedy = "must be a URL such as https://shop.example/hooks/prodgen"
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise WrongValueError("webhook", url, remedy) from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise WrongValueError("webhook", url, remedy)
    return parts


def _secret(given: str | None) -> str:
    secret = os.environ.get(SECRET_VARIABLE, "") if given is None else given
    if not secret:
        raise SettingError(
            f"a webhook's messages are signed: set {SECRET_VARIABLE} to a secret that the receiver knows"
            " (such as the output of `openssl rand -hex 32`)"
        )
    return secret
