# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a host healthy: input, one look, and the comparison of two."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import health as verify
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.health import Port, Url, VerifyError, Wanted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECRET = "s3cr3t"
PROBLEM = {"kind": "refused", "message": "Connection refused"}


def service(name: str, state: object = "started", start: object = "auto", **more: Any) -> dict[str, Any]:
    """One service as win_service_info names it."""
    return {"name": name, "state": state, "start_mode": start, **more}


def answer(*services: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What win_service_info returns."""
    return {"exists": bool(services), "services": list(services), **more}


def look(*services: dict[str, Any], wanted: Wanted | None = None, asked: Any = (), **more: Any) -> dict[str, Any]:
    """A snapshot of host `db`."""
    return verify.snapshot(wanted or Wanted(), "db", answer(*services, **more), None, asked)


def lost(wanted: Wanted | None = None, kind: str = "refused") -> dict[str, Any]:
    """A snapshot of a host that was not to be asked."""
    return verify.snapshot(wanted or Wanted(), "db", {}, PROBLEM | {"kind": kind})


def bad(checks: list[dict[str, Any]]) -> dict[str, tuple[bool | None, str]]:
    """The checks that did not pass."""
    return {f"{one['kind']} {one['name']}": (one["ok"], one["detail"]) for one in checks if one["ok"] is not True}


# Input


def test_nothing_wanted() -> None:
    nothing = Wanted((), True, (), (), ())
    assert Wanted.load({}) == Wanted() == nothing
    assert Wanted.load(dict.fromkeys(["services", "running", "ignore_services", "ports", "urls"])) == nothing


def test_everything_wanted() -> None:
    url = {"url": "https://a:1/x", "status": ["204", 301], "text": "up", "timeout": 300, "validate_certs": False}
    port = {"port": "65535", "host": "db.example.com", "from": "host", "timeout": "1"}
    options = {
        "services": ["MSSQL$A", " mssql$a ", "W32Time"],
        "running": False,
        "ignore_services": [" Acme* "],
        "ports": [1, port],
        "urls": ["http://a", {**url, "headers": {"X-A": "b c"}}],
    }
    assert Wanted.load(options) == Wanted(
        ("MSSQL$A", "W32Time"),
        False,
        ("Acme*",),
        (Port(1, None, "controller", 5), Port(65535, "db.example.com", "host", 1)),
        (
            Url("http://a", (200,), None, 10, True, {}),
            Url("https://a:1/x", (204, 301), "up", 300, False, {"X-A": "b c"}),
        ),
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("services", "SQL", "services: 'SQL' is not allowed; give a list."),
        ("services", b"SQL", "services: a list is not allowed; give a list."),
        ("ports", 443, "ports: 443 is not allowed; give a list."),
        ("services", ["a", " "], "services[1]: ' ' is not allowed; give the name of a service."),
        ("services", [7], "services[0]: 7 is not allowed; give the name of a service."),
        *(
            (
                "services",
                [f"a{sign}"],
                f"services[0]: {f'a{sign}'!r} is not allowed; give the name of one service, without wildcards.",
            )
            for sign in "*?[]/\\"
        ),
        (
            "ignore_services",
            [""],
            "ignore_services[0]: '' is not allowed; give the name of a service, with the wildcards * and ? if you like.",
        ),
        ("running", "yes", "running: 'yes' is not allowed; give true or false."),
        ("running", 0, "running: 0 is not allowed; give true or false."),
        ("ports", [0], "ports[0].port: 0 is not allowed; give a whole number from 1 to 65535."),
        ("ports", [1, 65536], "ports[1].port: 65536 is not allowed; give a whole number from 1 to 65535."),
        ("ports", [True], "ports[0].port: True is not allowed; give a whole number from 1 to 65535."),
        ("ports", ["https"], "ports[0].port: 'https' is not allowed; give a whole number from 1 to 65535."),
        ("ports", ["1" * 10], "ports[0].port: '1111111111' is not allowed; give a whole number from 1 to 65535."),
        ("ports", [1.5], "ports[0].port: 1.5 is not allowed; give a whole number from 1 to 65535."),
        ("ports", [{"host": "a"}], "ports[0]: the key port is missing; known are port, host, from, timeout."),
        (
            "ports",
            [{"port": 1, "prt": 2}],
            "ports[0]: the key 'prt' is not known; known are port, host, from, timeout.",
        ),
        *(
            (
                "ports",
                [{"port": 1, "host": host}],
                f"ports[0].host: {told} is not allowed; give a host name or an address.",
            )
            for host, told in (("", "''"), ("a b", "a text of 3 characters"), (5, "5"))
        ),
        ("ports", [{"port": 1, "from": "me"}], "ports[0].from: 'me' is not allowed; give controller or host."),
        (
            "ports",
            [{"port": 1, "timeout": 0}],
            "ports[0].timeout: 0 is not allowed; give a whole number from 1 to 300.",
        ),
        (
            "ports",
            [{"port": 1, "timeout": 301}],
            "ports[0].timeout: 301 is not allowed; give a whole number from 1 to 300.",
        ),
        *(
            ("urls", [url], f"urls[0].url: {told} is not allowed; give a URL as https://host/path.")
            for url, told in (
                ("a.example.com", "a text of 13 characters"),
                ("ftp://a", "ftp://a..."),
                ("https://", "a text of 8 characters"),
                ("https:///x", "a text of 10 characters"),
                ("http://a:99999", "http://a:99999..."),
                ("http://a:0", "http://a:0..."),
                ("http://[::1", "a text of 11 characters"),
                ("http://a/b c", "http://a..."),
                ("http://a/\x01", "http://a..."),
                (5, "5"),
            )
        ),
        (
            "urls",
            [f"ftp://u:{SECRET}@a"],
            f"urls[0].url: a text of {len(SECRET) + 10} characters is not allowed; give a URL as https://host/path.",
        ),
        (
            "urls",
            [{"text": "x"}],
            "urls[0]: the key url is missing; known are url, status, text, timeout, validate_certs, headers.",
        ),
        (
            "urls",
            [{"url": "http://a", "method": "PUT"}],
            "urls[0]: the key 'method' is not known; known are url, status, text, timeout, validate_certs, headers.",
        ),
        (
            "urls",
            [{"url": "http://a", "status": 99}],
            "urls[0].status: 99 is not allowed; give a whole number from 100 to 599.",
        ),
        (
            "urls",
            [{"url": "http://a", "status": [200, 600]}],
            "urls[0].status: 600 is not allowed; give a whole number from 100 to 599.",
        ),
        (
            "urls",
            [{"url": "http://a", "status": []}],
            "urls[0].status: [] is not allowed; give at least one whole number from 100 to 599.",
        ),
        (
            "urls",
            [{"url": "http://a", "text": ""}],
            "urls[0].text: '' is not allowed; give a text that the answer contains.",
        ),
        (
            "urls",
            [{"url": "http://a", "timeout": 0}],
            "urls[0].timeout: 0 is not allowed; give a whole number from 1 to 300.",
        ),
        (
            "urls",
            [{"url": "http://a", "validate_certs": "no"}],
            "urls[0].validate_certs: 'no' is not allowed; give true or false.",
        ),
        (
            "urls",
            [{"url": "http://a", "headers": SECRET}],
            "urls[0].headers: this is no mapping; give names of headers, each with its text.",
        ),
        *(
            (
                "urls",
                [{"url": "http://a", "headers": {name: SECRET}}],
                "urls[0].headers: the name of one header is not allowed; give the name of a header, as Authorization.",
            )
            for name in ("", "a b", "a:", 5)
        ),
        *(
            (
                "urls",
                [{"url": "http://a", "headers": {"A": value}}],
                "urls[0].headers.A: its value is not allowed; give printable ASCII text on one line.",
            )
            for value in (f"{SECRET}\n", f"ü{SECRET}", 5)
        ),
    ],
)
def test_bad_input_names_option_value_and_what_is_allowed(option: str, value: object, said: str) -> None:
    for prefix in ("", "verify_"):
        with pytest.raises(VerifyError) as caught:
            Wanted.load({option: value}, prefix)
        assert str(caught.value) == prefix + said
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("port", "name"),
    [
        (Port(443, None, "controller", 5), "443"),
        (Port(443, "a", "controller", 5), "a:443"),
        (Port(443, None, "host", 5), "443 from the host"),
        (Port(443, "a", "host", 5), "a:443 from the host"),
    ],
)
def test_ports_have_names(port: Port, name: str) -> None:
    assert port.name == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a/b@c?d=@e", "https://a/b@c?d=***"),
        (f"https://a/b?apikey={SECRET}&page=2", "https://a/b?apikey=***&page=***"),
        (f"https://a?{SECRET}#x={SECRET}", "https://a?***&x=***"),
        (f"https://a/#{SECRET}", "https://a/?***"),
        (f"no answer from 'https://a/?k={SECRET}' within 5 s", "no answer from 'https://a/?k=***' within 5 s"),
        (f"https://u:{SECRET}@a/b", "https://***@a/b"),
        (f"see http://{SECRET}@a and http://u:{SECRET}@b", "see http://***@a and http://***@b"),
    ],
)
def test_urls_are_named_without_a_password(url: str, name: str) -> None:
    assert verify.masked(url) == name
    assert Url(url, (200,), None, 1, True, {}).name == name


# One look


def test_services_of_an_answer() -> None:
    found = verify.services(
        answer(
            service("SQL"),
            service("Idle", "stopped", "manual", win32_exit_code=1067, triggers=[]),
            service("Odd", "zombie", 5, win32_exit_code="x"),
            service("Dns", triggers=[{"action": "start_service"}]),
            service("Cdp_1", service_type="user_own_process"),
            service("Cdp_2", service_type="user_share_process"),
            service("Own", service_type="win32_own_process"),
            warnings=["Failed to open service 'Shut' to get more info, ignoring: denied", "another"],
        )
    )
    plain = {"state": "started", "start": "auto", "alone": False, "exit_code": 0}
    assert found == {
        "SQL": plain,
        "Idle": {"state": "stopped", "start": "manual", "alone": False, "exit_code": 1067},
        "Odd": {"state": None, "start": None, "alone": False, "exit_code": 0},
        "Dns": plain | {"alone": True},
        "Cdp_1": plain | {"alone": True},
        "Cdp_2": plain | {"alone": True},
        "Own": plain,
        "Shut": {"state": None, "start": None, "alone": False, "exit_code": 0},
    }


def test_a_warning_takes_nothing_away() -> None:
    found = verify.services(answer(service("SQL"), warnings=["Failed to open service 'SQL' to get more info"]))
    assert found is not None
    assert found["SQL"]["state"] == "started"
    assert verify.services(answer(service("SQL"), warnings=None)) is not None


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {"services": None},
        {"services": "x"},
        {"services": [1]},
        {"services": [{}]},
        {"services": [{"name": 1}]},
    ],
)
def test_services_that_cannot_be_read(value: object) -> None:
    assert verify.services(value) is None


def test_a_host_without_services_has_none() -> None:
    assert verify.services(answer()) == {}


@pytest.mark.parametrize(
    ("entry", "ok", "detail"),
    [
        ({"ok": True}, True, "passed"),
        ({"ok": None}, None, "not run"),
        ({"ok": 1}, None, "not run"),
        ({"ok": 0}, None, "not run"),
        ({"ok": "", "detail": "host away"}, None, "host away"),
        ({"ok": False}, False, "failed"),
        ({"ok": False, "result": "x"}, False, "failed"),
        ({"ok": False, "result": {}}, False, "failed"),
        ({"ok": False, "task": "Ask", "result": {"msg": "no\nanswer"}}, False, "Ask: no answer"),
        ({"ok": False, "result": {"msg": "rc", "stderr": "gone", "assertion": "a"}}, False, "rc: a: gone"),
        (
            {
                "ok": False,
                "result": {
                    "msg": "one of them",
                    "results": [{"msg": "a"}, {"failed": True, "msg": "b"}, {"failed": True, "msg": "c"}],
                },
            },
            False,
            "b",
        ),
        ({"ok": False, "result": {"msg": "m", "results": [1, {"msg": "a"}]}}, False, "m"),
        ({"ok": False, "result": {"msg": "m", "results": 5}}, False, "m"),
        (
            {"ok": False, "task": "T", "hidden": True, "result": {"msg": SECRET}},
            False,
            "T: failed; what it said is hidden by no_log",
        ),
    ],
)
def test_own_checks(entry: dict[str, Any], ok: bool | None, detail: str) -> None:
    assert verify.task_check({"name": "own.yml", **entry}) == {
        "kind": "task",
        "name": "own.yml",
        "ok": ok,
        "detail": detail,
    }


def test_a_detail_is_one_short_line() -> None:
    one = verify.check("url", "http://a", False, "a\n\x1b[31m" + "b" * 1000)
    assert one["detail"] == "a ?[31m" + "b" * 293
    assert len(one["detail"]) == 300


def test_a_look_at_a_host() -> None:
    wanted = Wanted(services=("sql", "Idle", "Crashed", "Off", "Odd", "None", "Slow"))
    asked = [verify.check("port", "443", True, "open")]
    found = look(
        service("SQL", start="manual"),
        service("Idle", "stopped"),
        service("Crashed", "stopped", win32_exit_code=1067),
        service("Off", "stopped", "disabled"),
        service("Odd", None),
        service("Slow", "start_pending", win32_exit_code=5),
        wanted=wanted,
        asked=asked,
    )
    assert found["schema"] == 1
    assert found["problem"] is None
    assert found["services"]["SQL"]["start"] == "manual"
    assert found["checks"] == [
        {"kind": "host", "name": "db", "ok": True, "detail": "answers"},
        {"kind": "service", "name": "sql", "ok": True, "detail": "running"},
        {"kind": "service", "name": "Idle", "ok": False, "detail": "stopped"},
        {"kind": "service", "name": "Crashed", "ok": False, "detail": "stopped, exit code 1067"},
        {"kind": "service", "name": "Off", "ok": False, "detail": "stopped, disabled"},
        {"kind": "service", "name": "Odd", "ok": None, "detail": "its state cannot be read"},
        {"kind": "service", "name": "None", "ok": False, "detail": "does not exist"},
        {"kind": "service", "name": "Slow", "ok": False, "detail": "starting"},
        *asked,
    ]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(("state", "words"), [item for item in verify.STATES.items() if item[0] != "started"])
def test_only_started_is_running(state: str, words: str) -> None:
    found = look(service("SQL", state), wanted=Wanted(services=("SQL",)))
    assert bad(found["checks"]) == {"service SQL": (False, words)}


def test_a_look_at_a_host_that_is_away() -> None:
    asked = [
        verify.check("port", "443", False, "Connection refused"),
        verify.check("task", "a.yml", False, "T: Connection refused"),
        verify.check("task", "b.yml", True, "passed"),
        verify.check("url", "http://a", False, "HTTP 503"),
    ]
    found = verify.snapshot(Wanted(services=("SQL",)), "db", answer(service("SQL")), PROBLEM, asked)
    assert found["services"] is None
    assert found["problem"] == "Connection refused"
    assert found["checks"] == [
        {"kind": "host", "name": "db", "ok": None, "detail": "Connection refused"},
        {"kind": "service", "name": "SQL", "ok": None, "detail": "services cannot be read: Connection refused"},
        asked[0],
        {"kind": "task", "name": "a.yml", "ok": None, "detail": "T: Connection refused"},
        *asked[2:],
    ]
    assert asked[1]["ok"] is False


def test_a_host_that_answers_with_a_failure_is_reached() -> None:
    found = verify.snapshot(
        Wanted(services=("SQL",)),
        "db",
        {},
        {"kind": "failed", "message": "denied"},
        [verify.check("task", "a.yml", False, "T")],
    )
    assert [(one["kind"], one["ok"]) for one in found["checks"]] == [("host", True), ("service", None), ("task", False)]
    assert found["problem"] == "denied"


@pytest.mark.parametrize("kind", ["auth", "dropped", "refused", "timeout"])
def test_every_other_problem_means_not_reached(kind: str) -> None:
    assert bad(lost(kind=kind)["checks"]) == {"host db": (None, "Connection refused")}


def test_looks_and_answers_may_have_been_json() -> None:
    wanted, web = Wanted(services=("Web",)), service("Web")
    read = json.loads(json.dumps([answer(service("SQL"), web), answer(service("SQL", "stopped", "disabled"), web)]))
    before, after = (json.loads(json.dumps(verify.snapshot(wanted, "db", one, None))) for one in read)
    verdict = verify.judge(wanted, before, after)
    assert bad(verdict["checks"]) == {"service SQL": (False, "stopped, disabled, ran before")}
    assert [one["after"] for one in verdict["changed_since_before"]] == ["stopped, disabled"]


def test_a_malformed_answer_is_unknown() -> None:
    found = verify.snapshot(Wanted(services=("SQL",)), "db", {"services": 1}, None)
    assert found["problem"] == "the answer is malformed"
    assert bad(found["checks"]) == {"service SQL": (None, "services cannot be read: the answer is malformed")}


@pytest.mark.parametrize(
    "value",
    [
        5,
        [1],
        {"services": {}, "checks": []},
        {"schema": 0, "services": {}, "checks": []},
        {"schema": 2, "services": {}, "checks": []},
        {"schema": 1, "services": {}},
        {"schema": 1, "services": [], "checks": []},
    ],
)
def test_what_is_no_snapshot_is_refused(value: object) -> None:
    with pytest.raises(VerifyError) as caught:
        verify.known(value)
    assert str(caught.value) == "before: this is no snapshot; give the snapshot that an earlier look returned."


def test_snapshots_are_known() -> None:
    assert verify.known(None) is None
    assert verify.known({}) is None
    for found in (look(service("SQL")), lost()):
        assert verify.known(json.loads(json.dumps(found))) == found


# The verdict


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [([], True), ([True], True), ([True, None], None), ([None, False], False), ([False, True], False), ([None], None)],
)
def test_healthy(answers: list[bool | None], verdict: bool | None) -> None:
    assert verify.healthy([verify.check("port", "1", ok, "") for ok in answers]) is verdict


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (service("SQL"), service("SQL"), {}),
        (service("SQL"), service("sql"), {}),
        (service("SQL", start="delayed"), service("SQL", "stopped"), {"service SQL": (False, "stopped, ran before")}),
        (
            service("SQL"),
            service("SQL", "stopped", win32_exit_code=7),
            {"service SQL": (False, "stopped, exit code 7, ran before")},
        ),
        (
            service("SQL"),
            service("SQL", "stopped", "disabled"),
            {"service SQL": (False, "stopped, disabled, ran before")},
        ),
        (service("SQL"), service("SQL", "start_pending"), {"service SQL": (False, "starting, ran before")}),
        (service("SQL"), service("SQL", None), {"service SQL": (None, "its state cannot be read")}),
        (service("SQL"), service("Other"), {"service SQL": (False, "does not exist, ran before")}),
        # Nobody knows how it starts: it may be automatic.
        (service("SQL", start=None), service("SQL", "stopped"), {"service SQL": (False, "stopped, ran before")}),
        # It did not run, or not by itself, or nobody knows whether it ran.
        (service("SQL", "stopped"), service("SQL", "stopped"), {}),
        (service("SQL", None), service("SQL", "stopped"), {}),
        (service("SQL", start="manual"), service("SQL", "stopped"), {}),
        (service("SQL", start="disabled"), service("SQL", "stopped"), {}),
        # It stops by itself.
        (service("SQL", triggers=[{}]), service("SQL", "stopped"), {}),
        (service("SPPSVC"), service("SPPSVC", "stopped"), {}),
        (service("edgeupdatem"), service("edgeupdatem", "stopped"), {}),
        (service("bits2"), service("bits2", "stopped"), {"service bits2": (False, "stopped, ran before")}),
        (service("Acme Updater 7"), service("Acme Updater 7", "stopped"), {}),
    ],
)
def test_what_ran_before_must_run_after(before: dict[str, Any], after: dict[str, Any], found: dict[str, Any]) -> None:
    wanted = Wanted(ignored=("acme updater ?",))
    verdict = verify.judge(wanted, look(before), look(after))
    assert bad(verdict["checks"]) == found
    assert verdict["healthy"] is (True if not found else next(iter(found.values()))[0])
    without = verify.judge(wanted._replace(running=False), look(before), look(after))
    assert without["healthy"] is True


def test_a_listed_service_is_one_check_even_when_ignored() -> None:
    wanted = Wanted(services=("sql",), ignored=("*",))
    before, after = look(service("SQL"), wanted=wanted), look(service("SQL", "stopped"), wanted=wanted)
    verdict = verify.judge(wanted, before, after)
    assert bad(verdict["checks"]) == {"service sql": (False, "stopped")}
    assert verdict["changed_since_before"] == [
        {"kind": "service", "name": "SQL", "before": "running", "after": "stopped"}
    ]


def test_services_are_checked_in_the_order_of_their_names() -> None:
    both = look(service("B"), service("A"), service("C"))
    assert [one["name"] for one in verify.judge(Wanted(), both, both)["checks"]] == ["db", "A", "B", "C"]


def test_without_a_look_before_only_what_is_listed_counts() -> None:
    found = look(service("SQL", "stopped"), wanted=Wanted(services=("SQL",)))
    verdict = verify.judge(Wanted(services=("SQL",)), None, found)
    assert verdict == {"healthy": False, "checks": found["checks"], "changed_since_before": []}


def test_what_failed_before_is_told_apart() -> None:
    wanted = Wanted(services=("SQL", "New"))
    ports = [
        verify.check("port", "1", False, "refused"),
        verify.check("port", "2", True, "open"),
        verify.check("port", "3", None, "?"),
    ]
    before = look(service("SQL", "stopped"), service("New"), wanted=wanted, asked=ports)
    again = [verify.check("port", str(number), False, "refused") for number in (1, 2, 3)]
    after = look(service("SQL", "stopped"), service("New", "stopped"), wanted=wanted, asked=again)
    verdict = verify.judge(wanted, before, after)
    assert bad(verdict["checks"]) == {
        "service SQL": (False, "stopped (as before)"),
        "service New": (False, "stopped"),
        "port 1": (False, "refused (as before)"),
        "port 2": (False, "refused"),
        "port 3": (False, "refused"),
    }
    assert after["checks"][1]["detail"] == "stopped"
    assert verdict["changed_since_before"] == [
        {"kind": "port", "name": "2", "before": "ok", "after": "failed"},
        {"kind": "port", "name": "3", "before": "unknown", "after": "failed"},
        {"kind": "service", "name": "New", "before": "running", "after": "stopped"},
    ]


def test_a_host_that_was_away_before_leaves_it_unknown() -> None:
    verdict = verify.judge(Wanted(), lost(), look(service("SQL")))
    said = "not known, their states before could not be read: Connection refused"
    assert bad(verdict["checks"]) == {"service those that ran before": (None, said)}
    assert verdict["healthy"] is None
    assert verdict["changed_since_before"] == [{"kind": "host", "name": "db", "before": "unknown", "after": "ok"}]


def test_a_host_that_is_away_after_is_unknown() -> None:
    verdict = verify.judge(Wanted(), look(service("SQL"), service("Idle", "stopped")), lost())
    assert bad(verdict["checks"]) == {
        "host db": (None, "Connection refused"),
        "service SQL": (None, "services cannot be read: Connection refused"),
    }
    assert verdict["healthy"] is None
    assert verdict["changed_since_before"] == [{"kind": "host", "name": "db", "before": "ok", "after": "unknown"}]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (service("SQL"), service("SQL", "stopped"), ("running", "stopped")),
        (service("SQL", "stopped"), service("SQL"), ("stopped", "running")),
        (service("SQL"), service("SQL", start="disabled"), ("running", "running, disabled")),
        (service("SQL"), service("SQL", None, "manual"), ("running", "unknown")),
        (service("SQL", start="manual"), service("SQL", "stopped"), ("running", "stopped")),
        (service("SQL", start="manual"), service("SQL", "stopped", "manual"), None),
        (service("SQL", start="delayed"), service("SQL"), None),
        (service("SQL"), service("SQL", win32_exit_code=1), None),
        (service("SQL"), service("SQL", "stopped", triggers=[{}]), None),
        (service("BITS"), service("BITS", "stopped"), None),
        (service("Acme"), service("Acme", "stopped"), None),
    ],
)
def test_changes_of_services(before: dict[str, Any], after: dict[str, Any], change: tuple[str, str] | None) -> None:
    expected = [] if change is None else [{"kind": "service", "name": "SQL", "before": change[0], "after": change[1]}]
    assert verify.compare(look(before), look(after), ["acme"]) == expected


def test_services_that_came_and_went() -> None:
    before, after = look(service("Old"), service("b"), service("x", start="manual")), look(service("New"), service("B"))
    assert verify.compare(before, after) == [
        {"kind": "service", "name": "New", "before": "absent", "after": "running"},
        {"kind": "service", "name": "Old", "before": "running", "after": "absent"},
    ]


def test_a_service_listed_in_one_look_is_of_interest() -> None:
    listed = Wanted(services=("BITS",))
    first, second = service("BITS", start="manual"), service("BITS", "stopped", "manual")
    expected = [{"kind": "service", "name": "BITS", "before": "running", "after": "stopped"}]
    assert verify.compare(look(first, wanted=listed), look(second)) == expected
    assert verify.compare(look(first), look(second, wanted=listed)) == expected


def test_a_check_of_one_look_alone_is_no_change() -> None:
    before = look(asked=[verify.check("port", "1", True, "open")])
    after = look(asked=[verify.check("url", "1", False, "x"), verify.check("port", "2", False, "refused")])
    assert verify.compare(before, after) == []


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([True], "Healthy: 1 check passed."),
        ([True, True], "Healthy: 2 checks passed."),
        ([], "Healthy: 0 checks passed."),
        ([True, False], "Not healthy (2 checks, 1 failed): port 1: d1."),
        ([None], "Health unknown (1 check, 1 without an answer): port 0: d0."),
        (
            [None, False, False],
            "Not healthy (3 checks, 2 failed, 1 without an answer): port 1: d1; port 2: d2; port 0: d0.",
        ),
    ],
)
def test_summary(answers: list[bool | None], said: str) -> None:
    assert verify.summary([verify.check("port", str(n), ok, f"d{n}") for n, ok in enumerate(answers)]) == said


def test_summary_names_ten() -> None:
    checks = [verify.check("port", str(number), False, "x") for number in range(25)]
    assert verify.summary(checks).endswith("; port 9: x; and 15 more.")
    assert verify.summary(checks[:11]).endswith("; port 9: x; and 1 more.")
    assert verify.summary(checks[:10]).endswith("; port 8: x; port 9: x.")


def test_every_kind_is_known() -> None:
    assert verify.KINDS == ("host", "service", "port", "url", "task")


@pytest.mark.parametrize(("value", "number"), [(0, 0), (9, 9), ("0", 0), ("07", 7)])
def test_whole_numbers(value: object, number: int) -> None:
    assert verify.whole(value, "x", 0, 9) == number


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-1, "-1"), (10, "10"), ("10", "10"), ("-1", "-1"), (None, "None"), (False, "False"), (1.0, "1.0")]
    + [(text, repr(text)) for text in ("", " 1", "1 ", "--1", "1" * 10)]
    + [("٣", "a text of 1 character"), ("hunter2", "a text of 7 characters")],
)
def test_no_whole_numbers(value: object, shown: str) -> None:
    with pytest.raises(VerifyError) as caught:
        verify.whole(value, "x", 0, 9)
    assert str(caught.value) == f"x: {shown} is not allowed; give a whole number from 0 to 9."


# Whatever comes

# A busy machine is no mistake of the core.
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.sampled_from(["SQL", "sql", "BITS", "Web", "Dns_1", "Idle"])
SERVICES = st.lists(
    st.builds(
        service,
        NAMES,
        st.sampled_from([*verify.STATES, None, 5]),
        st.sampled_from(["auto", "delayed", "manual", "disabled", None]),
        triggers=st.sampled_from([[], [{}]]),
        win32_exit_code=st.integers(0, 2),
    ),
    max_size=6,
    unique_by=lambda one: one["name"].casefold(),
)
LOOKS = st.one_of(st.builds(lambda found: look(*found), SERVICES), st.just(lost()), st.just(lost(kind="failed")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@CALM
@given(LOOKS, LOOKS)
def test_a_verdict_is_the_sum_of_its_checks(before: dict[str, Any], after: dict[str, Any]) -> None:
    verdict = verify.judge(Wanted(), before, after)
    assert verdict["healthy"] is verify.healthy(verdict["checks"])
    names = [(one["kind"], one["name"]) for one in verdict["checks"]]
    assert len(names) == len(set(names))
    assert json.loads(json.dumps(verdict)) == verdict
    if before["services"] is None or after["services"] is None:
        assert all(one["ok"] is not False for one in verdict["checks"])


@CALM
@given(LOOKS)
def test_a_look_equals_itself(one: dict[str, Any]) -> None:
    assert verify.compare(one, one) == []
    if one["services"] is not None:
        assert verify.judge(Wanted(), one, one)["healthy"] is True


@CALM
@given(LOOKS, LOOKS)
def test_changes_are_the_same_in_both_directions(before: dict[str, Any], after: dict[str, Any]) -> None:
    there = {
        (one["kind"], one["name"].casefold(), one["before"], one["after"]) for one in verify.compare(before, after)
    }
    back = {(one["kind"], one["name"].casefold(), one["after"], one["before"]) for one in verify.compare(after, before)}
    assert there == back


@CALM
@given(LOOKS, LOOKS)
def test_ignoring_all_leaves_the_host_alone(before: dict[str, Any], after: dict[str, Any]) -> None:
    verdict = verify.judge(Wanted(ignored=("*",)), before, after)
    assert {one["kind"] for one in verdict["checks"] if one["ok"] is False} == set()


@CALM
@given(st.dictionaries(st.sampled_from(["services", "running", "ignore_services", "ports", "urls"]), JSON))
def test_any_input_loads_or_is_refused_in_words(options: dict[str, Any]) -> None:
    said = "verify_"
    try:
        Wanted.load(options, "verify_")
    except VerifyError as error:
        said = str(error)
    assert said.startswith("verify_")


@CALM
@given(JSON)
def test_any_answer_gives_a_look(value: object) -> None:
    found = verify.snapshot(Wanted(services=("SQL",)), "db", value, None)
    assert found["checks"][0]["ok"] is True
    if found["services"] is None:
        assert found["checks"][1]["ok"] is None


@CALM
@given(JSON)
def test_any_result_of_a_task_is_words(value: Any) -> None:
    one = verify.task_check({"name": "a", "ok": False, "result": value})
    assert one["ok"] is False
    assert one["detail"].isprintable()


def test_services_whose_names_a_warning_never_ends() -> None:
    """The expression that looked for them took a time that grew with the square of the length."""
    begun = "Failed to open service '"
    warnings = [begun * 20_000, begun + "a" * 256 + "' to get more info", begun + "b" * 257 + "' to get more info"]
    found = verify.services(
        answer(warnings=[*warnings, begun + "it's' to get more info, " + begun + "c' to get more info"])
    )
    assert found is not None
    assert sorted(found) == ["a" * 256, "c", "it's"]
    assert verify.services(answer(warnings="text")) == {}


def test_more_services_than_any_host_has() -> None:
    services = [service(f"S{number}") for number in range(verify.MOST_SERVICES)]
    assert len(verify.services(answer(*services)) or ()) == verify.MOST_SERVICES
    assert verify.services(answer(*services, service("one more"))) is None


def test_of_services_that_differ_in_capitals_the_first_counts() -> None:
    found = look(service("SQL", "stopped"), service("sql"), wanted=Wanted(services=("Sql",)))
    assert bad(found["checks"]) == {"service Sql": (False, "stopped")}


SECRET_MISTAKES: list[tuple[str, object]] = [
    ("urls", {"url": "https://a", "headers": {"Authorization": SECRET}}),
    ("urls", SECRET),
    ("urls", [SECRET]),
    ("urls", [{"Authorization": SECRET}]),
    ("urls", [{"url": "https://a", SECRET + "!": 1}]),
    ("urls", [{"url": {"Authorization": SECRET}}]),
    ("urls", [{"url": f"https//a?{SECRET}"}]),
    ("urls", [{"url": f"ftp://a/?key={SECRET}"}]),
    ("urls", [{"url": f"https://a/ ?key={SECRET}"}]),
    ("urls", [{"url": f"https://u:p/{SECRET}@a /"}]),
    ("urls", [{"url": "https://a", "headers": [SECRET]}]),
    ("urls", [{"url": "https://a", "headers": {f"Authorization: {SECRET}": ""}}]),
    ("urls", [{"url": "https://a", "text": [SECRET]}]),
    ("urls", [{"url": "https://a", "text": {"a": SECRET}}]),
    ("urls", [{"url": "https://a", "status": {"Authorization": SECRET}}]),
    ("urls", [{"url": "https://a", "timeout": SECRET}]),
    ("urls", [{"url": "https://a", "validate_certs": SECRET}]),
    ("ports", [{"port": SECRET}]),
    ("ports", [{"port": 1, "host": f"{SECRET} "}]),
    ("ports", [{"port": 1, "from": SECRET}]),
    ("services", {"a": SECRET}),
    ("services", [{"a": SECRET}]),
    ("running", SECRET),
]


@pytest.mark.parametrize(("option", "value"), SECRET_MISTAKES)
def test_a_mistake_shows_no_secret(option: str, value: object) -> None:
    with pytest.raises(VerifyError) as caught:
        Wanted.load({option: value}, "verify_")
    assert str(caught.value).startswith(f"verify_{option}")
    assert SECRET not in str(caught.value)
