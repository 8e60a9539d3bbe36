"""Sign-in, profile, preferences."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user, logout_user

from shop.extensions import db, limiter
from shop.forms import LoginForm, PasswordForm, ProfileForm
from shop.models import User

bp = Blueprint("account", __name__)


def _own_page(target: str | None) -> str:
    """Only a path of ours may be redirected to."""
    parts = urlsplit(target or "")
    if not target or parts.netloc or parts.scheme or not target.startswith("/") or target.startswith("//"):
        return url_for("pages.dashboard")
    return target


@bp.route("/login", methods=["GET", "POST"])
@limiter.limit(lambda: current_app.config["LOGIN_RATE"], methods=["POST"])
def login() -> ResponseReturnValue:
    form = LoginForm()
    if form.validate_on_submit():
        user = db.session.scalar(db.select(User).filter_by(email=form.email.data))
        if user is not None and user.check_password(form.password.data):
            login_user(user, remember=form.remember.data)
            return redirect(_own_page(request.args.get("next")))
        flash("Wrong e-mail or password.", "error")
        return render_template("login.html", form=form), 401
    return render_template("login.html", form=form)


@bp.post("/logout")
@login_required
def logout() -> ResponseReturnValue:
    logout_user()
    return redirect(url_for("pages.index"))


@bp.route("/profile", methods=["GET", "POST"])
@login_required
def profile() -> ResponseReturnValue:
    form = ProfileForm(obj=current_user)
    if form.validate_on_submit():
        form.populate_obj(current_user)
        db.session.commit()
        flash("Saved.", "info")
        return redirect(url_for(".profile"))
    return render_template("profile.html", form=form, password_form=PasswordForm()), 422 if form.errors else 200


@bp.post("/profile/password")
@login_required
def password() -> ResponseReturnValue:
    form = PasswordForm()
    if form.validate_on_submit() and current_user.check_password(form.current.data):
        current_user.set_password(form.new.data)
        db.session.commit()
        flash("Password changed.", "info")
        return redirect(url_for(".profile"))
    flash("Password not changed.", "error")
    return render_template("profile.html", form=ProfileForm(obj=current_user), password_form=form), 422


@bp.post("/preferences")
@login_required
def preferences() -> Response:
    """Called by our own script, with the CSRF token in a header."""
    wanted = request.get_json()
    if not isinstance(wanted, dict) or not set(wanted) <= {"theme", "per_page"}:
        abort(400, "Unknown preference.")
    current_user.preferences = {**current_user.preferences, **wanted}
    db.session.commit()
    answer: Response = jsonify(current_user.preferences)
    return answer
