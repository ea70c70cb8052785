"""Signing in, one's account, and running the place, through forms as a browser posts them."""

import re

from tests.server import called


def test_a_newcomer_is_invited_signs_in_and_leaves(place):
    place.app.state.logins._left.clear()
    ada, new = place.browser("ada"), place.browser()
    invited = ada.post("/admin/invitations", data={"role": "runner", "note": "Grace"})
    code = re.search(r"<code>([\w-]{20,})</code>", invited.text)
    assert code
    assert code[1] not in ada.get("/admin").text  # shown once
    form = {"code": code[1], "name": "grace", "password": "short"}
    assert "at least 10" in new.post("/join", data=form).text
    joined = new.post("/join", data=form | {"password": "a longer password"})
    assert (joined.status_code, joined.headers["location"]) == (303, "/account")
    assert "Your role is runner" in new.get("/account").text
    assert new.post("/join", data=form | {"password": "a longer password"}).status_code == 400
    assert new.post("/logout").status_code == 303
    assert new.get("/account").status_code == 303
    wrong = new.post("/login", data={"name": "grace", "password": "not this one"})
    assert wrong.status_code == 401
    back = {"name": "GRACE", "password": "a longer password", "next": "/papers/rezero"}
    assert new.post("/login", data=back).headers["location"] == "/papers/rezero"
    assert new.post("/account/delete", data={"password": "wrong wrong"}).status_code == 400
    assert new.post("/account/delete", data={"password": "a longer password"}).status_code == 303
    assert "grace" not in ada.get("/admin").text


def test_a_new_password_ends_other_sessions(place):
    here, there = place.browser("rita"), place.browser("rita")
    form = {"old": called.PASSWORD, "new": "another long one"}
    assert here.post("/account/password", data=form | {"old": "wrong wrong"}).status_code == 400
    assert here.post("/account/password", data=form).status_code == 200
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    again = {"old": "another long one", "new": called.PASSWORD}
    assert here.post("/account/password", data=again).status_code == 200


def test_settings_and_tokens(place):
    anna = place.browser("anna")
    saved = anna.post("/account", data={"email": "anna@example.org", "timezone": "Europe/Vienna"})
    assert "Saved." in saved.text
    assert "Europe/Vienna" in saved.text
    wrong = anna.post("/account", data={"email": "", "timezone": "Nowhere"})
    assert wrong.status_code == 400
    made = anna.post("/account/tokens", data={"name": "script", "days": "90"})
    token = re.search(r"<code>(pw_[\w-]+)</code>", made.text)
    assert token
    assert token[1] not in anna.get("/account").text
    assert made.headers["cache-control"] == "no-store"
    shown = called.client(place.app, f"https://{called.HOST}", authorization=f"Bearer {token[1]}")
    assert shown.get("/api/v1/me").json()["data"]["email"] == "anna@example.org"
    number = re.search(
        r"/account/tokens/(\d+)/revoke[^>]*><button[^>]*Revoke script", anna.get("/account").text
    )
    assert number
    assert anna.post(f"/account/tokens/{number[1]}/revoke").status_code == 303
    anna.post("/account/tokens", data={"name": "for good", "days": "0"})
    assert "you revoke it" in anna.get("/account").text.partition("for good")[2]
    assert shown.get("/api/v1/me").status_code == 401


def test_roles_are_given_and_taken(place):
    ada, anna = place.browser("ada"), place.people["anna"]
    assert place.browser("anna").get("/admin").status_code == 403
    assert ada.post(f"/admin/people/{anna.id}/role", data={"role": "admin"}).status_code == 303
    assert place.browser("anna").get("/admin").status_code == 200
    assert ada.post(f"/admin/people/{anna.id}/role", data={"role": "reader"}).status_code == 303
    me = place.people["ada"]
    last = ada.post(f"/admin/people/{me.id}/role", data={"role": "reader"})
    assert last.status_code == 400
    assert "last administrator" in last.text
    assert ada.post("/admin/people/999999/remove").status_code == 404
