"""Where everything is: the URLs that clients are told, and the URL rules that the app answers under.

They differ by the app's own root (``APPLICATION_ROOT``): a proxy that mounts the app under ``/shop`` takes that part
away. What must be found at the host's root by its standard is answered inside the app as well, in both forms:

* ``/.well-known/oauth-authorization-server`` + the issuer's path (RFC 8414, section 3.1), and behind that path;
* ``/.well-known/oauth-protected-resource`` + the resource's path (RFC 9728, section 3.1), and behind that path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import ConfigurationError

SERVER_METADATA = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one authorization server. ``root`` is the app's own root, ``""`` for the host's root."""

    issuer: str
    resource: str
    root: str = ""
    #: What the issuer's URL is under the host that asks clients for their TLS certificate.
    mtls: str | None = None

    def url(self, name: str) -> str:
        """The URL of an endpoint, as clients are told it."""
        return f"{self.issuer}/oauth/{name}"

    def urls(self, name: str) -> tuple[str, ...]:
        """Every URL that an endpoint is called under."""
        return (self.url(name), *((f"{self.mtls}/oauth/{name}",) if self.mtls is not None else ()))

    def aliases(self, endpoints: Mapping[str, str]) -> dict[str, str]:
        """Where clients with a TLS certificate find endpoints (RFC 8705, section 5), by their metadata names."""
        if self.mtls in (None, self.issuer):
            return {}
        return {name: f"{self.mtls}{url.removeprefix(self.issuer)}" for name, url in endpoints.items()}

    def rule(self, name: str) -> str:
        """The URL rule of an endpoint inside the app."""
        return f"{self._inside(self.issuer)}/oauth/{name}"

    @property
    def origins(self) -> tuple[str, ...]:
        """Scheme, host and port that the API is called under."""
        named = (self.resource, *((self.mtls,) if self.mtls is not None else ()))
        return tuple(dict.fromkeys("{0.scheme}://{0.netloc}".format(urlsplit(one)) for one in named))

    @property
    def server_rules(self) -> tuple[str, ...]:
        """The URL rules of the authorization server's metadata."""
        return self._well_known(SERVER_METADATA, self.issuer)

    @property
    def resource_rules(self) -> tuple[str, ...]:
        """The URL rules of the protected resource's metadata."""
        return self._well_known(RESOURCE_METADATA, self.resource)

    @property
    def resource_metadata_url(self) -> str:
        """Where ``WWW-Authenticate`` sends clients (RFC 9728, section 5.1): a place that this app itself answers."""
        parts = urlsplit(self.resource)
        if self.root:
            return f"{self.resource}{RESOURCE_METADATA}"
        return f"{parts.scheme}://{parts.netloc}{RESOURCE_METADATA}{parts.path}"

    def _well_known(self, suffix: str, identifier: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((f"{suffix}{urlsplit(identifier).path}", f"{self._inside(identifier)}{suffix}")))

    def _inside(self, identifier: str) -> str:
        return urlsplit(identifier).path.removeprefix(self.root)


def places(issuer: str, resource: str | None, application_root: str, mtls: str | None = None) -> Places:
    """The places that follow from the settings and from Flask's ``APPLICATION_ROOT``.

    :raises ConfigurationError: issuer or resource lies outside the app, or the TLS host's URL has another path.
    """
    root = application_root.rstrip("/")
    parts = urlsplit(issuer)
    origin = f"{parts.scheme}://{parts.netloc}"
    for name, identifier in (("APIGUARD_ISSUER", issuer), ("APIGUARD_RESOURCE", resource)):
        path = urlsplit(identifier).path if identifier is not None else root
        if root and path != root and not path.startswith(root + "/"):
            raise ConfigurationError(
                f"{name} lies outside the app, whose APPLICATION_ROOT is {application_root}.",
                f"Write {origin}{root}.",
            )
    if mtls is not None and urlsplit(mtls).path != parts.path:
        host = "{0.scheme}://{0.netloc}".format(urlsplit(mtls))
        raise ConfigurationError("APIGUARD_MTLS_URL has another path than the issuer.", f"Write {host}{parts.path}.")
    return Places(issuer, resource or f"{origin}{root}", root, mtls)
