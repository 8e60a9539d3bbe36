"""What the gate needs to know, and no view says: what scopes mean, who is signed in here, whose data is whose."""

from flask_apiguard import APIGuard, HostUser

from . import regions, staff

SCOPES = {
    "orders:read": {"description": "See orders", "risk": "low", "access": "read"},
    "orders:write": {"description": "Place and cancel orders", "risk": "low"},
    "reports:read": {"description": "See what each customer spends", "risk": "critical", "access": "read"},
    "shipments:read": {"description": "See where an order is", "risk": "low", "access": "read"},
}
guard = APIGuard(paths=["/api/v1"], scopes=SCOPES, brand="tidewater")


@guard.host_user
def signed_in():
    member = staff.signed_in()
    return HostUser(str(member["id"]), member["name"], member["email"]) if member else None


@guard.policy("own-region", scopes=SCOPES)
def own_region(caller, obj):
    return obj is None or regions.region_of(caller) in (None, obj["region"]) or "It belongs to another region."
