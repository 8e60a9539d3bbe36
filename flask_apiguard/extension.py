"""The extension: takes parts and settings, and hangs everything on the app. No other logic.

The rooms, and with them the database library, come with the first ``APIGuard(...)``: modules that only decorate views
are imported without them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, current_app

from .contracts import CredentialType, EventSink, Notifier, OnboardingCheck
from .errors import ConfigurationError
from .rules import Rule, combine, demand, opened
from .rules.targets import Entry
from .values import HostUser, Mode

if TYPE_CHECKING:
    from flask_limiter import Limiter  # costs as much to import as all of us; whoever gives one has imported it

    from .access import Policy
    from .house import House

Loader = TypeVar("Loader", bound=Callable[[], "HostUser | None"])
Condition = TypeVar("Condition", bound="Policy")


class APIGuard:
    """A gate before an app's API routes, and onboarding for those who call them.

    ``paths`` are the URL prefixes that are guarded (without them every route is), ``scopes`` says what each scope
    means, ``brand`` is the first word of every key. One object may serve several apps; what an app needs at run time
    hangs on ``app.extensions["apiguard"]``.

    :raises ConfigurationError: at start, naming what is wrong and the fix.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        paths: Sequence[str] | None = None,
        scopes: Mapping[str, Any] | None = None,
        brand: str | None = None,
        limiter: Limiter | None = None,
        credentials: Sequence[CredentialType] = (),
        checks: Sequence[OnboardingCheck] = (),
        sinks: Sequence[EventSink] = (),
        notifiers: Sequence[Notifier] = (),
    ) -> None:
        from .house import Options

        self._options = Options(
            paths=paths, scopes=scopes, brand=brand, limiter=limiter, credentials=credentials, checks=checks,
            sinks=sinks, notifiers=notifiers,
        )  # fmt: skip
        self._newest: weakref.ref[House] | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Stand before this app's routes. Nothing is opened before its first request.

        :raises ConfigurationError: an unknown setting, a wrong value, or a second guard on the same app.
        """
        from . import oauth
        from .api import NAME as API
        from .api import make_blueprint
        from .cli import commands
        from .gate import attach
        from .house import CLI_NAME, NAME, House

        if NAME in app.extensions:
            raise ConfigurationError(f"{app.name} is guarded already.", "Call init_app once.")
        house = House(app, self._options)
        self._newest = weakref.ref(house)
        app.extensions[NAME] = house
        self._options.apps.add(app)
        app.wsgi_app = house.perimeter(app.wsgi_app)  # type: ignore[method-assign]
        attach(app, house)
        app.cli.add_command(commands(house.settings[CLI_NAME]))
        house.book.own(API, recorded=True)
        app.register_blueprint(make_blueprint(house))
        if house.places is not None:
            from .oauth.blueprint import mount  # and with it the OAuth library, which nobody else needs

            sign_in = house.settings[oauth.SIGN_IN]
            mount(app, house.book, house.places, lambda: house.oauth, house.visitors, sign_in)

    def protect(
        self,
        target: Any,
        *scopes: str,
        mode: str | None = None,
        any_of: Sequence[str] | None = None,
        roles: Sequence[str] = (),
        policy: str | None = None,
        environment: str | None = None,
        first_party: bool = True,
        sender_constrained: bool = False,
        max_body: int | None = None,
        missing_ok: bool = False,
    ) -> None:
        """Speak for routes that nobody can decorate.

        ``target`` is an endpoint pattern (``"admin.*"``), a URL prefix (``"/reports"``), a blueprint, a view class or
        a view function. Combines with other rules by AND. With ``mode`` or ``max_body`` alone it says nothing about
        who may call. One that meets no route is an error at start, unless ``missing_ok``.
        """
        says_who = bool(scopes or any_of or roles or policy or environment or sender_constrained) or not first_party
        source = "protect" if says_who or (mode is None and max_body is None) else "mode"
        wanted = tuple(any_of) if any_of else None
        rule = demand(scopes, wanted, tuple(roles), policy, environment, first_party, source, sender_constrained)
        if mode is not None and mode not in tuple(Mode):
            raise ConfigurationError(f"{mode!r} is no mode.", "Use enforce or observe.")
        manner = Rule(mode=Mode(mode) if mode else None, max_body=max_body, sources=(source,))
        self._add(target, combine([rule, manner]), missing_ok)

    def public(self, target: Any, why: str, *, record: bool = True, missing_ok: bool = False) -> None:
        """Open routes that nobody can decorate, and say why: ``guard.public("static", "style sheets")``.

        A target that meets no route is an error at start, unless ``missing_ok``.
        """
        self._add(target, opened(why, record, source="public"), missing_ok)

    def _add(self, target: Any, rule: Rule, missing_ok: bool) -> None:
        """Take down what was said, unless the app that it was said for compiled its rules already.

        :raises ConfigurationError: after the first request; a rule that comes too late must not be silently none.
        """
        house = self._newest() if self._newest is not None else None
        if house is not None and house.is_open:
            raise ConfigurationError("This comes after the first request.", "Say it where the app is set up.")
        said_for = None if house is None else weakref.ref(house.app)
        self._options.entries.append(Entry(target, rule, missing_ok, said_for))

    def authorize(self, scope: str, obj: Any = None) -> None:
        """Ask, inside a view, whether the caller may do this with the loaded object.

        :raises Denied: the answer is 403, even when a library in between swallows the exception.
        """
        house_of(current_app._get_current_object()).gate.authorize(scope, obj)  # type: ignore[attr-defined]

    def host_user(self, loader: Loader) -> Loader:
        """Register what returns the host's signed-in user, or None. A decorator."""
        self._options.host_user = loader
        return loader

    def policy(self, name: str, *, scopes: Iterable[str] = ()) -> Callable[[Condition], Condition]:
        """Register a condition over caller and loaded object, for ``require(policy=name)``.

        ``scopes`` have it asked in every ``authorize`` for one of them as well. A decorator.
        """

        def register(condition: Condition) -> Condition:
            self._options.policies.add(name, condition, scopes)
            return condition

        return register


def house_of(app: Flask) -> House:
    """The rooms of a guarded app.

    :raises ConfigurationError: ``init_app`` was never called for it.
    """
    from .house import NAME, House

    house = app.extensions.get(NAME)
    if not isinstance(house, House):
        raise ConfigurationError(f"{app.name} is not guarded.", "Call guard.init_app(app).")
    return house
