"""`flask shop ...`"""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

group = AppGroup("shop", help="Look after the shop.")


def init_app(app: Flask) -> None:
    app.cli.add_command(group)


@group.command("seed")
@click.option("--create", is_flag=True, help="Create the tables first.")
def seed_command(create: bool) -> None:
    """Fill an empty database with the first data."""
    from shop.extensions import db
    from shop.models import Tenant
    from shop.seed import seed

    if create:
        db.create_all()
    if db.session.scalar(db.select(db.func.count()).select_from(Tenant)):
        raise click.ClickException("There is data already.")
    seed()
    click.echo("Seeded 2 tenants.")


@group.command("stock")
@click.argument("sku")
@click.option("--add", type=int, default=0)
def stock_command(sku: str, add: int) -> None:
    """Show how much of SKU there is, after adding some."""
    from shop.extensions import db
    from shop.models import Product

    product = db.session.get(Product, sku)
    if product is None:
        raise click.ClickException(f"No product {sku}.")
    product.stock += add
    db.session.commit()
    click.echo(f"{sku}: {product.stock}")
