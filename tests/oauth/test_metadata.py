"""What clients are told, where they look for it, and that an app without an issuer has none of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from flask_apiguard.errors import ConfigurationError
from flask_apiguard.oauth import places
from flask_apiguard.oauth.settings import identifier
from tests.oauth.world import World, make_app, running

SERVER, RESOURCE = "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"


def test_the_servers_metadata_name_every_endpoint_under_the_issuer(world: World) -> None:
    answer = requests.get(world.base + SERVER, headers={"Origin": "https://app.example"}, timeout=20)
    told = answer.json()
    assert told["issuer"] == world.base
    assert told["token_endpoint"] == world.base + "/oauth/token"
    assert told["authorization_endpoint"] == world.base + "/oauth/authorize"
    assert told["grant_types_supported"] == [
        "authorization_code", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
    ]  # fmt: skip
    assert told["device_authorization_endpoint"] == world.base + "/oauth/device_authorization"
    assert {"client_secret_basic", "client_secret_post"} <= set(told["token_endpoint_auth_methods_supported"])
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["scopes_supported"] == ["orders:read", "orders:write", "reports:read"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"] == "application/json"


def test_the_resources_metadata_name_the_server_and_a_refused_call_points_at_them(world: World) -> None:
    refusal = requests.get(world.base + "/api/orders", timeout=20)
    assert refusal.status_code == 401
    url = refusal.headers["WWW-Authenticate"].partition('resource_metadata="')[2].partition('"')[0]
    told = requests.get(url, timeout=20).json()
    assert told["authorization_servers"] == [world.base]
    assert told["resource"] == world.base
    assert told["bearer_methods_supported"] == ["header"]


def test_certificates_are_told_of_only_where_any_can_come(world: World) -> None:
    told = requests.get(world.base + SERVER, timeout=20).json()
    assert "mtls_endpoint_aliases" not in told
    for document in (told, requests.get(world.base + RESOURCE, timeout=20).json()):
        assert "tls_client_certificate_bound_access_tokens" not in document
    assert not [method for name in told if name.endswith("auth_methods_supported") for method in told[name]
                if "tls" in method]  # fmt: skip


@pytest.mark.parametrize(
    "more", [{"APIGUARD_TRUSTED_PROXIES": ["127.0.0.1"]}, {"APIGUARD_MTLS_URL": "https://mtls.example/auth"}]
)
def test_where_certificates_come_the_metadata_tell_how_and_where(tmp_path: Path, more: dict[str, object]) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base + "/auth", url, **more)) as world:
        told = requests.get(world.base + SERVER + "/auth", timeout=20).json()
        for kind in ("token", "revocation", "introspection"):
            methods = told[f"{kind}_endpoint_auth_methods_supported"]
            assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(methods)
        assert told["tls_client_certificate_bound_access_tokens"] is True
        aliases = told.get("mtls_endpoint_aliases", {})
        assert set(aliases) == ({
            "device_authorization_endpoint", "introspection_endpoint", "pushed_authorization_request_endpoint",
            "revocation_endpoint", "token_endpoint",
        } if "APIGUARD_MTLS_URL" in more else set())  # fmt: skip
        assert all(alias.startswith("https://mtls.example/auth/oauth/") for alias in aliases.values())
        assert all(told[name].rpartition("/")[2] == alias.rpartition("/")[2] for name, alias in aliases.items())


def test_the_host_for_certificates_differs_from_the_issuer_by_its_host_only() -> None:
    assert places("https://a.example/b", None, "", "https://a.example/b").aliases({"x": "https://a.example/b/x"}) == {}
    with pytest.raises(ConfigurationError, match="APIGUARD_MTLS_URL"):
        places("https://a.example/b", None, "", "https://mtls.example")


@pytest.mark.parametrize("path", [SERVER, RESOURCE])
def test_metadata_are_only_read(world: World, path: str) -> None:
    assert requests.head(world.base + path, timeout=20).status_code == 200
    for method in ("POST", "PUT", "DELETE"):
        answer = requests.request(method, world.base + path, timeout=20)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_an_issuer_with_a_path_is_found_in_both_forms(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base + "/auth/v2", url, APIGUARD_RESOURCE=base + "/api")) as world:
        for path in (SERVER + "/auth/v2", "/auth/v2" + SERVER):
            told = requests.get(world.base + path, timeout=20).json()
            assert told["issuer"] == world.base + "/auth/v2"
        for path in (RESOURCE + "/api", "/api" + RESOURCE):
            assert requests.get(world.base + path, timeout=20).json()["resource"] == world.base + "/api"
        holder = world.holder()
        answer = requests.post(
            told["token_endpoint"], data={"grant_type": "client_credentials"}, headers=holder.basic, timeout=20
        )
        assert answer.status_code == 200
        assert world.call(answer.json()["access_token"]).status_code == 200


def test_the_part_that_a_proxy_mounts_the_app_under_is_not_part_of_its_routes() -> None:
    found = places("https://example.com/shop/auth", None, "/shop")
    assert found.url("token") == "https://example.com/shop/auth/oauth/token"
    assert found.rule("token") == "/auth/oauth/token"
    assert found.resource == "https://example.com/shop"
    assert found.resource_metadata_url == "https://example.com/shop/.well-known/oauth-protected-resource"
    assert SERVER in "".join(found.server_rules)
    assert "/auth" + SERVER in found.server_rules
    with pytest.raises(ConfigurationError, match="APPLICATION_ROOT"):
        places("https://example.com/auth", None, "/shop")
    with pytest.raises(ConfigurationError, match="APIGUARD_ISSUER"):
        places("https://example.com/shopping", None, "/shop")


@pytest.mark.parametrize(
    "issuer",
    [
        "http://api.example.com", "https://api.example.com/", "https://api.example.com?x", "https://api.example.com#f",
        "https://u@api.example.com", "HTTPS://api.example.com", "https://API.example.com", "api.example.com", "",
        "https://", "https://api.example.com/a//b", "https://api.example.com/../x", "https://api.example.com/<x>",
        "ftp://api.example.com", 7, None, "https://api.example.com:port", "https://bücher.example", "http://localhost.evil",
    ],
)  # fmt: skip
def test_an_issuer_is_written_in_one_way_only(issuer: object) -> None:
    with pytest.raises(ValueError, match="https URL"):
        identifier(issuer)


@pytest.mark.parametrize(
    "issuer",
    ["https://api.example.com", "https://api.example.com:8443/a/b", "http://127.0.0.1:5000", "http://[::1]:80"],
)
def test_plain_http_is_for_the_machine_itself(issuer: str) -> None:
    assert identifier(issuer) == issuer


def test_without_an_issuer_nothing_is_mounted_and_authlib_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from tests.oauth.world import make_app; from flask_apiguard.extension import house_of\n"
        f"app = make_app(None, 'sqlite:///{tmp_path}/a.db'); client = app.test_client()\n"
        "assert client.post('/oauth/token').status_code == 404\n"
        f"assert client.get('{SERVER}').status_code == 404\n"
        "answer = client.get('/api/orders')\n"
        "assert answer.status_code == 401 and 'resource_metadata' not in answer.headers['WWW-Authenticate']\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('authlib', 'joserfc')]\n"
        "house_of(app).close()\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
