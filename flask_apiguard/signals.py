"""Blinker signals for hosts. The sender is always the app; recording never depends on a receiver."""

from blinker import Namespace

_signals = Namespace()

access_denied = _signals.signal("access-denied", doc="The gate refused a call. Sends `decision`, `caller`, `event_id`.")
anomaly_detected = _signals.signal("anomaly-detected", doc="A detector raised an anomaly. Sends `anomaly`.")
application_moved = _signals.signal(
    "application-moved", doc="An application changed state. Sends `application`, `move`."
)
credential_created = _signals.signal("credential-created", doc="A credential was made. Sends `credential`.")
credential_revoked = _signals.signal("credential-revoked", doc="A credential was revoked. Sends `credential`.")
credential_rotated = _signals.signal("credential-rotated", doc="A credential got a successor. Sends `credential`.")
ledger_appended = _signals.signal("ledger-appended", doc="An entry was committed to the ledger. Sends `entry`.")
quota_exceeded = _signals.signal("quota-exceeded", doc="A limit or quota refused a call. Sends `caller`, `decision`.")

#: Every signal by its name.
SIGNALS = {
    signal.name: signal
    for signal in (
        access_denied, anomaly_detected, application_moved, credential_created, credential_revoked, credential_rotated,
        ledger_appended, quota_exceeded,
    )
}  # fmt: skip
