"""The same day and the same crowd on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flask_apiguard.extension import house_of

from ..servers.http import serve
from .conftest import Town, make_app, populate
from .test_endpoints import Day, test_every_endpoint_has_its_good_case
from .test_journey import test_a_developer_goes_from_registration_to_production_along_the_next_links

__all__ = [
    "test_a_developer_goes_from_registration_to_production_along_the_next_links",
    "test_every_endpoint_has_its_good_case",
]


@pytest.fixture(scope="module")
def town(ready_postgres_module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    app = make_app(folder, APIGUARD_DATABASE_URL=ready_postgres_module_url)
    house = house_of(app)
    with serve(app) as url:
        yield populate(Town(app, house, url))
    house.close()


@pytest.fixture
def day(town: Town) -> Day:
    return Day(town)


def test_of_many_at_once_one_is_done(town: Town) -> None:
    with ThreadPoolExecutor(8) as pool:
        send = lambda _: town.go("POST", "/applications", {"name": "Crowd"}, "bob", Idempotency_Key="k")  # noqa: E731
        heard = list(pool.map(send, range(8)))
    statuses = Counter(one.status for one in heard)
    assert set(statuses) <= {201, 409}, [one.body for one in heard]
    assert len({one.json["id"] for one in heard if one.status == 201}) == 1


@pytest.mark.parametrize("path", ["/applications/a%00b", "/people/a%00b", "/problems/%ff", "/calls?cursor=9.9.9"])
def test_what_the_database_could_choke_on_never_reaches_it(town: Town, path: str) -> None:
    assert town.go("GET", path, who="adam").status in (200, 404, 422)
