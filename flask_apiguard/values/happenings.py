"""What the ledger records: every governed happening, in alphabetical order."""

from __future__ import annotations

from .words import Meant


class Happening(Meant):
    """What the ledger records: ``source:subject:action``, alphabetical, each with its meaning."""

    ACCESS_GRANT_ENDED = ("access:grant:ended", "An application lost a scope in an environment.")
    ACCESS_GRANT_GIVEN = ("access:grant:given", "An application received a scope in an environment.")
    ACCESS_ROLE_CHANGED = ("access:role:changed", "A role's set of scopes was written.")
    ACCESS_SCOPE_CHANGED = ("access:scope:changed", "A scope's description, risk or access was written.")
    CLIENTS_APPLICATION_CHANGED = ("clients:application:changed", "Facts about an application were edited.")
    CLIENTS_APPLICATION_CREATED = ("clients:application:created", "An application was registered.")
    CLIENTS_CLIENT_CREATED = ("clients:client:created", "An application received a client in an environment.")
    CLIENTS_CLIENT_RESUMED = ("clients:client:resumed", "A suspended client may act again.")
    CLIENTS_CLIENT_SUSPENDED = ("clients:client:suspended", "A client may not act until further notice.")
    CLIENTS_ORGANIZATION_CHANGED = ("clients:organization:changed", "Facts about an organization were edited.")
    CLIENTS_ORGANIZATION_CREATED = ("clients:organization:created", "An organization was registered.")
    CREDENTIALS_CREDENTIAL_CREATED = ("credentials:credential:created", "A credential was made for a client.")
    CREDENTIALS_CREDENTIAL_IMPORTED = ("credentials:credential:imported", "A key of the host's was taken over by hash.")
    CREDENTIALS_CREDENTIAL_REVOKED = ("credentials:credential:revoked", "A credential opens nothing any more.")
    CREDENTIALS_CREDENTIAL_ROTATED = ("credentials:credential:rotated", "A credential got a successor.")
    CREDENTIALS_TOKENS_REVOKED = ("credentials:tokens:revoked", "Tokens of a client or family were revoked.")
    LEDGER_CHECKPOINT_SIGNED = (
        "ledger:checkpoint:signed",
        "The head of the ledger, or of the event chain, was signed.",
    )
    LEDGER_PERSON_ERASED = ("ledger:person:erased", "Personal fields of entries were erased; the proofs stay.")
    MONITOR_ANOMALY_CLOSED = ("monitor:anomaly:closed", "Somebody looked at an anomaly and closed it.")
    MONITOR_ANOMALY_MUTED = ("monitor:anomaly:muted", "A kind of anomaly is not raised for a client until a date.")
    MONITOR_ANOMALY_RAISED = ("monitor:anomaly:raised", "A detector found something unusual.")
    MONITOR_DRILL_RUN = ("monitor:drill:run", "It was measured how long something revoked still opened a door.")
    MONITOR_MONITORING_ENDED = ("monitor:monitoring:ended", "Monitoring of a client ended with the client.")
    MONITOR_MONITORING_STARTED = ("monitor:monitoring:started", "Monitoring of a production client began.")
    OAUTH_CERTIFICATE_ADDED = ("oauth:certificate:added", "A client got a certificate that it proves itself with.")
    OAUTH_CERTIFICATE_REVOKED = ("oauth:certificate:revoked", "A client's certificate proves nothing any more.")
    OAUTH_CERTIFICATE_ROTATED = ("oauth:certificate:rotated", "A client's certificate got a successor.")
    OAUTH_CLIENT_CHANGED = ("oauth:client:changed", "How a client proves itself to the authorization server was set.")
    OAUTH_CONSENT_GIVEN = ("oauth:consent:given", "A user of the host's let an application act for them.")
    OAUTH_CONSENT_WITHDRAWN = ("oauth:consent:withdrawn", "An application may not act for a user any more.")
    OAUTH_KEY_ADDED = ("oauth:key:added", "A client got a public key that it proves itself with.")
    OAUTH_KEY_REVOKED = ("oauth:key:revoked", "A client's public key proves nothing any more.")
    OAUTH_SIGNING_KEY_MADE = (
        "oauth:signing-key:made",
        "The authorization server got its next key to sign tokens with.",
    )
    OAUTH_SIGNING_KEY_REVOKED = (
        "oauth:signing-key:revoked",
        "Nothing that a signing key signed opens anything any more.",
    )
    ONBOARDING_CHECK_RUN = ("onboarding:check:run", "An automated check examined an application.")
    ONBOARDING_CHECK_WAIVED = ("onboarding:check:waived", "A failed check was waived until a date, by two people.")
    ONBOARDING_GRADUATION_TICKED = ("onboarding:graduation:ticked", "An observed call fulfilled a graduation step.")
    ONBOARDING_MOVE_MADE = ("onboarding:move:made", "An application moved from one state to another.")
    ONBOARDING_MOVE_REFUSED = ("onboarding:move:refused", "An attempted move was refused.")
    ONBOARDING_RECERTIFICATION_DONE = (
        "onboarding:recertification:done",
        "An owner confirmed what an application holds.",
    )
    ONBOARDING_RECERTIFICATION_LAPSED = (
        "onboarding:recertification:lapsed",
        "Silence degraded an application one step.",
    )
    ONBOARDING_REVIEW_ANSWERED = ("onboarding:review:answered", "The requester answered a reviewer's question.")
    ONBOARDING_REVIEW_ASKED = ("onboarding:review:asked", "A reviewer asked the requester something.")
    ONBOARDING_REVIEW_CLOSED = ("onboarding:review:closed", "A review ended without a decision.")
    ONBOARDING_REVIEW_DECIDED = ("onboarding:review:decided", "A review was approved or denied.")
    ONBOARDING_REVIEW_OPENED = ("onboarding:review:opened", "An application asked for more.")
    ONBOARDING_REVIEW_REFUSED = ("onboarding:review:refused", "An attempted decision on a review was refused.")
    ONBOARDING_REVIEW_SEATED = ("onboarding:review:seated", "One of several needed reviewers approved.")
    ONBOARDING_SETTING_CHANGED = (
        "onboarding:setting:changed",
        "What a check is told, or what graduation asks for, was written.",
    )
    PEOPLE_ADDRESS_PROVED = ("people:address:proved", "A person showed that an e-mail address is theirs.")
    PEOPLE_ATTEMPT_REFUSED = ("people:attempt:refused", "Somebody tried what none of their seats allows.")
    PEOPLE_HOST_USER_LINKED = ("people:host-user:linked", "A person was recognised as a user of the host's.")
    PEOPLE_INVITATION_ACCEPTED = ("people:invitation:accepted", "An invited person took the seat.")
    PEOPLE_INVITATION_SENT = ("people:invitation:sent", "A person was invited to a seat.")
    PEOPLE_INVITATION_WITHDRAWN = ("people:invitation:withdrawn", "An invitation was taken back.")
    PEOPLE_PASSWORD_CHANGED = ("people:password:changed", "A person set another password.")
    PEOPLE_PERSON_CREATED = ("people:person:created", "A person's account was made.")
    PEOPLE_PERSON_DISABLED = ("people:person:disabled", "A person may not sign in any more.")
    PEOPLE_PERSON_ENABLED = ("people:person:enabled", "A disabled person may sign in again.")
    PEOPLE_SEAT_GIVEN = ("people:seat:given", "A person received a seat.")
    PEOPLE_SEAT_TAKEN = ("people:seat:taken", "A person lost a seat.")
    PEOPLE_SESSION_ENDED = ("people:session:ended", "A session was ended before its time.")
    PEOPLE_SESSION_OPENED = ("people:session:opened", "A person signed in.")
    PEOPLE_TOKEN_CREATED = ("people:token:created", "A person token was made for API or command line.")
    PEOPLE_TOKEN_REVOKED = ("people:token:revoked", "A person token was revoked.")
    QUOTAS_OVERRIDE_CHANGED = ("quotas:override:changed", "A client's own limit was written or ended.")
    QUOTAS_PLAN_CHANGED = ("quotas:plan:changed", "A plan's limits were written.")
