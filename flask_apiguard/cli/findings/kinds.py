"""Everything that the doctor can find: each kind has a number that stays, so that it can be looked up and talked about.

A number is never given to anything else, and never taken back.
"""

from __future__ import annotations

from enum import Enum, StrEnum


class Severity(StrEnum):
    """How bad: an error must be mended, a warning be known, a note may be."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
_RANDOM = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
_DRILL = "flask apiguard drill --workers-url http://127.0.0.1:8000"


class Kind(Enum):
    """One kind of finding: number, severity at a desk and where it serves, title, why it matters, fix, standard."""

    SECRET_READABLE = (
        "AG101", ERROR, ERROR, "The self-made secret can be read by others",
        "Whoever reads it can sign the ledger and tell which keys fit.", "chmod 600 on the file.",
        "RFC 6819, section 5.1.4.1.1",
    )  # fmt: skip
    SECRET_SELF_MADE = (
        "AG102", NOTE, NOTE, "The secret is self-made",
        "Without it the store opens for nobody, and no backup of ours has it.",
        "Keep a copy elsewhere, or set APIGUARD_SECRET.", "",
    )  # fmt: skip
    SECRET_WEAK = (
        "AG103", ERROR, ERROR, "APIGUARD_SECRET looks like a pattern", "Every key and signature rests on it.", _RANDOM,
        "BCP 106 (RFC 4086), section 2",
    )  # fmt: skip
    SECRET_SHARED = (
        "AG104", WARNING, WARNING, "APIGUARD_SECRET is the app's SECRET_KEY",
        "One leak opens both, and neither can be changed without the other.", "Give it a secret of its own.", "",
    )  # fmt: skip
    SECRET_KEY_MISSING = (
        "AG105", NOTE, NOTE, "SECRET_KEY is not set", "Sessions of portal and console need it.", _RANDOM, "",
    )  # fmt: skip
    SECRET_KEY_WEAK = (
        "AG106", WARNING, ERROR, "SECRET_KEY is short or a pattern",
        "Who guesses it signs any session, and comes in as a first party.", _RANDOM, "BCP 106 (RFC 4086), section 2",
    )  # fmt: skip
    BASE_URL_MISSING = (
        "AG107", NOTE, WARNING, "Nobody said where the app is reached from outside",
        "Mails carry bare tokens instead of links.", "Set APIGUARD_BASE_URL=https://…", "",
    )  # fmt: skip
    HTTPS_MISSING = (
        "AG108", WARNING, ERROR, "APIGUARD_BASE_URL is not https",
        "Keys and sign-in links would travel readable by everybody in between.", "Serve https, and say so there.",
        "RFC 6750, section 5.2; BCP 195 (RFC 9325)",
    )  # fmt: skip
    MODE_OBSERVE = (
        "AG109", WARNING, ERROR, "The gate observes", "Only wrong and revoked credentials are refused.",
        "Set APIGUARD_MODE=enforce, or APIGUARD_OBSERVE_UNTIL=YYYY-MM-DD.", "",
    )  # fmt: skip
    COUNTERS_MEMORY = (
        "AG110", WARNING, ERROR, "Each process counts for itself",
        "A limit is as much in every worker, none after a restart; a proof that is good once is good once in each.",
        "Unset APIGUARD_COUNTERS_URL: the shared file is exact on one host. Across hosts: redis://…",
        "RFC 6585, section 4; RFC 9449, section 11.1",
    )  # fmt: skip
    KEY_LIFETIME = (
        "AG111", WARNING, WARNING, "New keys live for longer than a year",
        "A key that nobody has to renew is a key that nobody misses.", "Set APIGUARD_KEY_LIFETIME=365d.",
        "RFC 6819, section 5.1.5.3",
    )  # fmt: skip
    DEMO_DEFAULT = (
        "AG112", WARNING, ERROR, "A setting has a default that is good for a demo only",
        "What it says is fine to try things out, and not to serve.", "Set it.", "",
    )  # fmt: skip
    MAIL_MISSING = (
        "AG113", NOTE, WARNING, "Nobody is told by mail",
        "Expiring keys, anomalies and reviews wait to be looked for.",
        "Set APIGUARD_MAIL_URL and APIGUARD_MAIL_FROM.", "",
    )  # fmt: skip
    PLAN_UNKNOWN = (
        "AG114", ERROR, ERROR, "The default plan is not written down",
        "Every client without a plan of its own is refused.", "Write it with `apply`, or correct the name.", "",
    )  # fmt: skip
    PLAN_MISSING = (
        "AG115", NOTE, NOTE, "A client without a plan has no limit but those of its routes",
        "One client's loop is everybody's outage.", "Write a plan (`apply`) and set APIGUARD_DEFAULT_PLAN.",
        "RFC 6585, section 4",
    )  # fmt: skip
    PROXIES_UNREADABLE = (
        "AG116", ERROR, ERROR, "APIGUARD_TRUSTED_PROXIES names something that is no address",
        "Peers are compared by address, so that one is never met: what the proxy says counts for nothing.",
        "Write single addresses: 10.0.0.2 10.0.0.3; a Unix socket is unix:", "",
    )  # fmt: skip

    ROUTES_UNDECLARED = (
        "AG201", WARNING, ERROR, "Routes that nobody spoke for", "They are closed to everybody.",
        "flask apiguard coverage --suggest", "",
    )  # fmt: skip
    MIDDLEWARE_BYPASS = (
        "AG202", WARNING, WARNING, "Something answers before the gate sees it",
        "A door beside the gate is a door without one.", "`flask apiguard coverage` shows the chain.", "",
    )  # fmt: skip
    PROXYFIX_TWICE = (
        "AG203", ERROR, ERROR, "ProxyFix stands there more than once",
        "The second believes what the caller wrote: anybody chooses their address.", "Leave one.",
        "RFC 7239, section 8.1; RFC 9700, section 4.13",
    )  # fmt: skip
    PROXYFIX_BELIEVES_ALL = (
        "AG204", WARNING, WARNING, "ProxyFix is there, and no proxy is named",
        "It believes any peer. Who reaches the app directly chooses the address that is throttled and recorded.",
        "Let only the proxy reach the app, and name it: APIGUARD_TRUSTED_PROXIES=10.0.0.2",
        "RFC 7239, section 8.1; RFC 9700, section 4.13",
    )  # fmt: skip
    PROXYFIX_MISSING = (
        "AG205", WARNING, WARNING, "Proxies are named, and ProxyFix is not there",
        "Every call seems to come from the proxy: one bad client uses up the attempts of all.",
        "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1), after init_app or before it.",
        "RFC 7239, section 8.1",
    )  # fmt: skip
    PROXYFIX_ORDER = (
        "AG206", WARNING, WARNING, "Middleware stands outside ProxyFix",
        "It sees the proxy's address and scheme where it means the caller's.",
        "Wrap app.wsgi_app with ProxyFix last, so that it stands outermost.", "RFC 7239, section 8.1",
    )  # fmt: skip
    TRAP_HTTP_EXCEPTIONS = (
        "AG207", WARNING, WARNING, "TRAP_HTTP_EXCEPTIONS is on",
        "Host handlers for Exception see refusals that are raised in views, and may answer 200.",
        "Leave it off, or let that handler re-raise HTTPException.", "RFC 9110, section 15.5",
    )  # fmt: skip
    DEBUG = (
        "AG208", NOTE, ERROR, "Debug mode is on", "Refusals name routes and lines of code.", "Unset FLASK_DEBUG.",
        "RFC 9457, section 5",
    )  # fmt: skip
    TRUSTED_HOSTS = (
        "AG209", NOTE, WARNING, "TRUSTED_HOSTS is not set",
        "A caller chooses the host name that links in answers begin with.",
        'app.config["TRUSTED_HOSTS"] = ["api.example.org"]', "RFC 9110, section 7.2",
    )  # fmt: skip
    CSRF = (
        "AG210", WARNING, WARNING, "CSRF protection stands before guarded routes",
        "A client with a good key is answered 400: it has no session to take a CSRF token from.",
        "csrf.exempt(blueprint): the gate itself demands the same origin of sessions.", "",
    )  # fmt: skip
    MIGRATE_DROPS = (
        "AG211", ERROR, ERROR, "`flask db migrate` sees our tables, and nobody told it to leave them alone",
        "Its next revision would drop them, keys and ledger and all.",
        "Migrate(app, db, include_object=flask_apiguard.alembic_include_object)", "",
    )  # fmt: skip
    SCOPE_UNDECLARED = (
        "AG212", WARNING, ERROR, "Routes demand a scope that nobody declared",
        "No application can ask for it, so these routes are closed to every client. Or it is misspelt.",
        'APIGuard(app, scopes={"orders:write": "Create and change your orders"}), or correct the name.',
        "RFC 6749, section 3.3",
    )  # fmt: skip
    ROUTES_OBSERVE = (
        "AG213", WARNING, WARNING, "Some routes are only observed",
        "Who lacks what they demand gets in all the same.", 'Take mode="observe" away where they were seen to fit.', "",
    )  # fmt: skip

    STORE_EMPTY = (
        "AG301", NOTE, NOTE, "A store is not there yet", "It is made with the first request.", "flask apiguard init",
        "",
    )  # fmt: skip
    STORE_BEHIND = (
        "AG302", ERROR, ERROR, "A store is at another revision than this package",
        "On PostgreSQL nothing guarded is served until it is upgraded; SQLite is upgraded with the first request.",
        "flask apiguard db upgrade", "",
    )  # fmt: skip
    STORE_AWAY = (
        "AG303", ERROR, ERROR, "A store does not answer", "No call can be decided without it.",
        "Start it, or correct where it is.", "",
    )  # fmt: skip
    CLOCK_SKEW = (
        "AG304", ERROR, ERROR, "This host and the store differ in time",
        "Keys end, windows turn and entries are dated by each host's own clock.", "Run NTP on both.",
        "BCP 223 (RFC 8633)",
    )  # fmt: skip
    CLOCK_BACK = (
        "AG305", ERROR, ERROR, "The newest entry of the ledger is in the future",
        "The clock was set back here, or is ahead on another host.", "Run NTP on every host.", "BCP 223 (RFC 8633)",
    )  # fmt: skip
    SPOOL_WAITS = (
        "AG306", WARNING, WARNING, "Access events wait to be taken over",
        "What waits there is safe, and in no answer yet.",
        "`flask apiguard tick` takes them over; where it can't, the event store is why.", "",
    )  # fmt: skip
    SINK_BEHIND = (
        "AG307", WARNING, WARNING, "A sink is behind", "Some events wait for it, or were refused for good.",
        "Look at the sink.", "",
    )  # fmt: skip
    LEDGER_LONG = (
        "AG308", NOTE, NOTE, "The ledger is too long to look at in passing", "A look at all of it takes a while.",
        "Run `flask apiguard audit verify` every night.", "",
    )  # fmt: skip
    LEDGER_TOUCHED = (
        "AG309", ERROR, ERROR, "The ledger is not what was written",
        "Somebody, or a restored copy, changed what governance did.",
        "`flask apiguard audit verify`; then compare with a backup.", "",
    )  # fmt: skip
    CHECKPOINT_OLD = (
        "AG310", NOTE, WARNING, "The ledger's head was not signed for a day",
        "Until it is, cutting off its newest entries leaves no trace.",
        "Run `flask apiguard tick` every five minutes.", "",
    )  # fmt: skip
    DRILL_MISSING = (
        "AG311", NOTE, ERROR, "No drill has shown how fast a revocation holds",
        "That it holds at once, on every worker, is a claim until then.", _DRILL, "RFC 7009, section 2.1",
    )  # fmt: skip
    DRILL_FAILED = (
        "AG312", WARNING, ERROR, "The last drill failed", "Something revoked opened a door for longer than allowed.",
        _DRILL, "RFC 7009, section 2.1",
    )  # fmt: skip
    DRILL_OLD = (
        "AG313", WARNING, WARNING, "The last drill is old", "Much was deployed since.", _DRILL,
        "RFC 7009, section 2.1",
    )  # fmt: skip
    ADMINISTRATOR_MISSING = (
        "AG314", NOTE, NOTE, "Nobody is administrator", "Only this machine's operators can decide.",
        "flask apiguard init --email YOU@EXAMPLE.ORG", "",
    )  # fmt: skip
    KEY_OLD = (
        "AG315", WARNING, WARNING, "Keys in use are older than a year",
        "What was copied, logged and mailed in that time opens the same doors.",
        "`flask apiguard keys list` shows them; `flask apiguard keys rotate` gives each a successor.",
        "RFC 6819, section 5.1.5.3",
    )  # fmt: skip
    FOLDER_UNWRITABLE = (
        "AG316", ERROR, ERROR, "A folder of ours can't be written by this process",
        "Stores, secret, counters and spool are files there; nothing guarded is served without them.",
        "Make it writable for whom the app runs as.", "",
    )  # fmt: skip

    ISSUER_INSECURE = (
        "AG401", NOTE, ERROR, "APIGUARD_ISSUER is not https",
        "Clients refuse such an issuer, and codes, secrets and tokens would travel in the open.",
        "Set APIGUARD_ISSUER=https://…, the address that clients know.", "RFC 8414, section 2; RFC 6749, section 3.2",
    )  # fmt: skip
    ISSUER_ELSEWHERE = (
        "AG402", WARNING, WARNING, "APIGUARD_ISSUER and APIGUARD_BASE_URL name different places",
        "Clients look for the metadata at the issuer, and compare it character by character.",
        "Name the same origin in both, or see that the issuer's well-known paths lead here.", "RFC 8414, section 3.3",
    )  # fmt: skip
    HOST_USER_MISSING = (
        "AG403", NOTE, NOTE, "Nobody says which of the app's users is signed in",
        "The pages of consent can ask people with an account here only, never the app's own users.",
        "Register a function with guard.host_user.", "RFC 6749, section 3.1",
    )  # fmt: skip
    TOKEN_LIFETIME = (
        "AG404", WARNING, WARNING, "Access tokens live for longer than an hour",
        "What a stolen one opens, it opens for as long; others that verify signed ones can't see them revoked.",
        "Set APIGUARD_TOKEN_LIFETIME=10m.", "RFC 6819, section 5.1.5.3; RFC 6750, section 5.3",
    )  # fmt: skip
    REFRESH_LIFETIME = (
        "AG405", WARNING, WARNING, "Refresh tokens wait for longer than 90 days",
        "One that is found in an old backup or a thrown away device still opens doors.",
        "Set APIGUARD_REFRESH_LIFETIME=30d.", "RFC 9700, section 4.14.2",
    )  # fmt: skip
    REDIRECT_URI = (
        "AG406", ERROR, ERROR, "An application's redirect URI is dangerous",
        "A code that is sent there may reach somebody else.", "flask apiguard redirect-uris set APPLICATION URI",
        "RFC 9700, sections 2.1 and 4.1; RFC 8252, section 8.3",
    )  # fmt: skip
    SIGNING_KEY_OLD = (
        "AG407", WARNING, WARNING, "The signing key is older than it should be",
        "Keys are turned when somebody asks for them; nobody did.", "flask apiguard signing-keys rotate",
        "BCP 107 (RFC 4107)",
    )  # fmt: skip
    SIGNING_KEY_SEALED = (
        "AG408", ERROR, ERROR, "A signing key was sealed under another secret",
        "It signs nothing here, so clients with signed tokens get none.",
        "Set APIGUARD_SECRET back, or: `flask apiguard signing-keys revoke KEY`", "",
    )  # fmt: skip
    PUBLIC_KEY_ENDING = (
        "AG409", WARNING, WARNING, "A client's public key ends within two weeks",
        "From then on the client can prove nothing with it.",
        "Register the next one meanwhile: `flask apiguard public-keys add CLIENT FILE`", "RFC 7523, section 3",
    )  # fmt: skip
    CERTIFICATE_ENDING = (
        "AG410", WARNING, WARNING, "A client's certificate ends within two weeks",
        "From then on the client can prove nothing with it.",
        "Register the next one meanwhile: `flask apiguard certificates`", "RFC 8705, section 2",
    )  # fmt: skip
    ISSUER_MOUNTED = (
        "AG411", WARNING, ERROR, "The app is mounted elsewhere than APPLICATION_ROOT says",
        "Clients are told URLs of the authorization server that are not there.",
        "Set APPLICATION_ROOT to the prefix that the app is mounted under, and let APIGUARD_ISSUER have it as path.",
        "RFC 8414, section 3.1",
    )  # fmt: skip

    UNKNOWN = (
        "AG901", ERROR, ERROR, "Something could not be looked at", "What is wrong there is not known.",
        "Mend what is named, and run the command again.", "",
    )  # fmt: skip

    def __init__(
        self, number: str, desk: Severity, serving: Severity, title: str, why: str, fix: str, standard: str
    ) -> None:
        self.number = number
        self.desk = desk
        self.serving = serving
        self.title = title
        self.why = why
        self.fix = fix
        self.standard = standard

    @property
    def slug(self) -> str:
        """Its name in answers: ``secret-weak``."""
        return self.name.lower().replace("_", "-")
