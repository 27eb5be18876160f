"""One heartbeat and what follows from its answer. It blocks; when and where it runs is the managers' business."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Optional

from .errors import LeaseMismatchError, ManifestError, ServiceNotFoundError
from .leases import Leases, Registration

_logger = logging.getLogger("chora_manifest_client")

#: The contract's own, for instances of which this client does not know what the registry asked for.
DEFAULT_INTERVAL_SECONDS = 10.0


@dataclass(frozen=True)
class Beat:
    """How one heartbeat went."""

    error: Optional[Exception] = None
    #: The registry did not know the instance any more, and lists it again.
    is_reregistered: bool = False
    #: There is nothing left to renew.
    is_last: bool = False


class Heart:
    """Renews one instance. No method raises, apart from what a signal handler of the program's may raise."""

    def __init__(self, leases: Leases, name: str, instance_id: str) -> None:
        self._leases = leases
        self.name = name
        self.instance_id = instance_id
        # The client remembers a limited number of registrations; this one is not to be forgotten.
        self._registration = leases.registration_of(name, instance_id)
        self._is_ending = False
        self.is_registering = False
        #: Somebody else registered the same instance: it is theirs now.
        self.is_superseded = False

    @property
    def interval_seconds(self) -> float:
        """How often the registry wants to hear of the instance."""
        registration = self._latest()
        return (registration and registration.heartbeat_interval_seconds) or DEFAULT_INTERVAL_SECONDS

    def beat(self, limit_seconds: float) -> Beat:
        """Renews the lease, and registers again where the registry has lost the instance."""
        try:
            return self._beat(limit_seconds)
        except ManifestError as error:
            return Beat(error, is_last=error.error_code == "client_closed")
        except Exception as error:
            return Beat(error)

    def _beat(self, limit_seconds: float) -> Beat:
        if self._is_over():
            return Beat(is_last=True)
        registration = self._latest()
        lease_id = None if registration is None else registration.lease_id
        try:
            self._leases.renew(self.name, self.instance_id, lease_id, limit_seconds)
            return Beat()
        except ServiceNotFoundError:
            if self._is_over():
                return Beat(is_last=True)
            if registration is None:
                raise  # registered by somebody else, who alone knows what it is
            return self._register_again(registration, limit_seconds)
        except LeaseMismatchError as error:
            if self._leases.is_registering(self.name, self.instance_id) or self._latest() is not registration:
                return Beat()  # the program has just registered it anew, with another lease
            if registration is not None and registration.maybe_doubled:
                return self._register_again(registration, limit_seconds)
            self.is_superseded = True
            return Beat(error, is_last=True)

    def _register_again(self, registration: Registration, limit_seconds: float) -> Beat:
        self.is_registering = True
        try:
            # Asked only now: whoever ends this heart sets the one and then looks at the other, and never misses both.
            if self._is_over():
                return Beat(is_last=True)
            self._registration = self._leases.register(self.name, self.instance_id, registration.body, limit_seconds)
            return Beat(is_reregistered=True)
        finally:
            self.is_registering = False

    def end(self) -> None:
        """Keeps it from registering the instance again."""
        self._is_ending = True

    def restart(self) -> None:
        """In a forked child that takes the instance over from its parent."""
        self._is_ending = False
        self.is_registering = False

    def release(self) -> None:
        """Deregisters the instance, unless it is somebody else's by now. A failure is logged: the lease runs out by itself."""
        self._is_ending = True
        if self.is_superseded or self._leases.was_deregistered(self.name, self.instance_id):
            return
        registration = self._latest()
        # Without the lease where a late duplicate of our own registration may have another.
        fence = None if registration is None or registration.maybe_doubled else registration.lease_id
        try:
            self._leases.remove(self.name, self.instance_id, fence)
        except LeaseMismatchError:
            _logger.info("%s belongs to a later registration and stays listed", self)
        except ServiceNotFoundError:
            pass
        except Exception as error:
            _logger.warning("%s could not be deregistered, its lease runs out by itself: %s", self, error)

    def _is_over(self) -> bool:
        return self._is_ending or self._leases.was_deregistered(self.name, self.instance_id)

    def _latest(self) -> Optional[Registration]:
        self._registration = self._leases.registration_of(self.name, self.instance_id) or self._registration
        return self._registration

    def __str__(self) -> str:
        return f"{self.name}/{self.instance_id}"
