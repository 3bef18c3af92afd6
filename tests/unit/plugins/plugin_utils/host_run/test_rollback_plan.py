# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servicing package an update is, whether it may go, and what that does to the hotpatch track."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals, Unknown
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_plan as rollback
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.rollback_plan import Package
from hypothesis import given
from hypothesis import strategies as st
from realistic import NOW, TABLE, Raw, build, failed, judge, kbs, ok, signals

AUGUST = datetime(2026, 8, 20, 12, tzinfo=UTC)
OCTOBER = datetime(2025, 10, 25, 12, tzinfo=UTC)
HOTPATCH = "Package_for_KB5120228~31bf3856ad364e35~amd64~~26100.33222.1.3"
JULY = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33158.1.11"
JUNE = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.32995.1.9"
SEPTEMBER = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33438.1.5"
STACK = "Package_for_ServicingStack_33430~31bf3856ad364e35~amd64~~26100.33430.1.2"
DOTNET = "Package_for_DotNetRollup_481~31bf3856ad364e35~amd64~~10.0.9344.1"
TRY = "Whether Windows lets it go, only trying tells: some updates are permanent."


def package(name: str, kb: str | None = None, state: str = "Installed", **details: object) -> Raw:
    """A package as windows_packages lists it; a detail replaces what its KB implies."""
    number = (kb or "").removeprefix("KB")
    told = {"description": f"Fix for {kb}", "support": f"https://support.microsoft.com/help/{number}"} if kb else {}
    said = ok({"description": "", "support": "", **told, **details})
    return {"name": name, "state": state, "type": "SecurityUpdate", "details": said}


BASE = [package(STACK, description="Fix for ServicingStack 10.0.26100.33430"), package(JULY, "KB5099536")]
PATCHED = [*BASE, package(HOTPATCH, "KB5120228")]
# Hosts, by name: their packages, the changes of their signals, and the time.
HOTPATCHED = {"build": build("26100.33222"), "hotfixes": kbs("KB5099536", "KB5120228")}


def planned(
    kb: str,
    packages: object,
    *,
    now: datetime = AUGUST,
    kind: str = "server_2025",
    wanted: str | None = None,
    azure: object = None,
    **changes: object,
) -> dict[str, Any]:
    """The plan for a host: a Server 2025 through Arc, hotpatched in August 2026, without changes."""
    raw = signals(kind, **{**HOTPATCHED, **changes})
    probe = ok(packages) if isinstance(packages, list) else packages
    host = judge(raw, now, azure=azure)
    return rollback.plan(kb, wanted, parsed(probe), Signals(raw), parsed(host), TABLE, now)


def parsed(data: Any) -> Any:
    """The same data as it comes from elsewhere: equal, and not the same objects."""
    return json.loads(json.dumps(data))


def said(plan: dict[str, Any]) -> tuple[str, str]:
    """Verdict and code."""
    return plan["verdict"], plan["code"]


# --- what a user writes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["KB5120228", "kb5120228", " 5120228 ", 5120228])
def test_an_update_is_named_with_or_without_its_letters(written: object) -> None:
    assert rollback.kb_number(written) == "KB5120228"


@pytest.mark.parametrize(
    "written", ["", "KB", "KB51202", "KB512022812", "KB5120228 KB5120229", "latest", None, 1.5, True]
)
def test_what_is_no_update_is_refused(written: object) -> None:
    with pytest.raises(rollback.RollbackError) as caught:
        rollback.kb_number(written, "rebootless_kb")
    assert str(caught.value) == (f"rebootless_kb: {written!r} is not the number of an update; give one like KB5120228.")


@pytest.mark.parametrize(("written", "good"), [("KB512022", True), ("KB51202281", True), ("KB51202", False)])
def test_numbers_have_six_to_eight_digits(written: str, good: bool) -> None:
    if good:
        assert rollback.kb_number(written) == written
    else:
        with pytest.raises(rollback.RollbackError, match=r"^kb: "):
            rollback.kb_number(written)


# --- packages --------------------------------------------------------------------------------------------------------

KBS: list[tuple[Raw, frozenset[str] | Unknown]] = [
    (package(JULY, "KB5099536"), frozenset({"KB5099536"})),
    (package(JULY, description="Fix for KB5099536"), frozenset({"KB5099536"})),
    (package(JULY, support="https://support.microsoft.com/help/5099536"), frozenset({"KB5099536"})),
    (package(JULY, support="http://support.microsoft.com/?kbid=5099536"), frozenset({"KB5099536"})),
    (package(JULY, support="https://support.microsoft.com/en-us/kb/5099536"), frozenset({"KB5099536"})),
    (package(JULY, description="Behebt KB5099536", support="help/5094125"), frozenset({"KB5099536"})),
    # The name alone tells, and a rollup has none in it.
    (package(HOTPATCH), frozenset({"KB5120228"})),
    ({**package(HOTPATCH), "details": failed()}, frozenset({"KB5120228"})),
    (package("Package_for_kb5054156~31bf~amd64~~26100.1.1.0"), frozenset({"KB5054156"})),
    (package(JULY), UNKNOWN),
    ({**package(JULY, "KB5099536"), "details": failed()}, UNKNOWN),
    (package(DOTNET, "KB5120708"), frozenset({"KB5120708"})),
    # It told, and it is of no update that has a number.
    (package(DOTNET), frozenset()),
    ({**package(DOTNET), "details": failed()}, UNKNOWN),
    (package(STACK, description="Fix for ServicingStack 10.0.26100.33430"), frozenset()),
    ({**package(STACK), "details": failed()}, frozenset()),
    # Numbers that are longer, or no numbers of updates.
    (package(DOTNET, description="KB512022812 and version 5120228"), frozenset()),
    ({**package(DOTNET), "details": ok(None)}, UNKNOWN),
    ({**package(DOTNET), "details": ok("KB5120708")}, UNKNOWN),
]


@pytest.mark.parametrize(("raw", "expected"), KBS)
def test_a_package_tells_its_update(raw: Raw, expected: frozenset[str] | Unknown) -> None:
    assert rollback.packages(ok([raw])) == (Package(raw["name"], "Installed", expected),)


BAD_LISTS = [
    failed(),
    None,
    {},
    ok(None),
    ok({}),
    ok(["Package"]),
    ok([None]),
    ok([{"state": "Installed"}]),
    ok([{"name": JULY}]),
    ok([{"name": "", "state": "Installed"}]),
    ok([{"name": JULY, "state": 4}]),
    ok([package(JULY, "KB5099536"), {"name": JULY}]),
]


@pytest.mark.parametrize("probe", BAD_LISTS)
def test_a_list_with_a_hole_is_no_list(probe: object) -> None:
    assert rollback.packages(probe) is UNKNOWN


def test_no_packages_are_an_answer() -> None:
    assert rollback.packages(ok([])) == ()


REVISIONS = [
    (JULY, 33158),
    (HOTPATCH, 33222),
    ("Package_for_RollupFix~k~amd64~~20348.5622.1.4", 5622),
    # The versions of a servicing stack, of .NET and of single updates are their own.
    (STACK, None),
    (DOTNET, None),
    ("Package_for_KB5054156~31bf3856ad364e35~amd64~~26100.1.1.0", None),
    ("Package_for_KB5054156~31bf3856ad364e35~amd64~~26100.0.1.0", None),
    ("Package_for_KB5054156~31bf3856ad364e35~amd64~~26100.2.1.0", 2),
    ("Package_for_RollupFix~k~amd64~~26100.33158.1", None),
    ("Package_for_RollupFix~k~amd64~~26100.33158.1.11.1", None),
    ("Package_for_RollupFix", None),
]


@pytest.mark.parametrize(("name", "revision"), REVISIONS)
def test_the_revision_of_windows_in_a_version(name: str, revision: int | None) -> None:
    assert Package(name, "Installed", UNKNOWN).revision == revision


def test_the_state_of_a_package() -> None:
    found = rollback.packages(
        ok([package(JULY, state="Superseded"), package(JUNE), package(SEPTEMBER, state="Staged")])
    )
    assert rollback.state_of(found, JULY.lower()) == "Superseded"
    assert rollback.state_of(found, JUNE) == "Installed"
    assert rollback.state_of(found, SEPTEMBER) == "Staged"
    assert rollback.state_of(found, HOTPATCH) == "absent"
    assert rollback.state_of((), HOTPATCH) == "absent"
    assert rollback.state_of(UNKNOWN, JULY) is None


# --- may it go -------------------------------------------------------------------------------------------------------


def test_the_newest_update_may_be_tried() -> None:
    plan = planned("KB5120228", PATCHED)
    assert {key: plan[key] for key in ("kb", "verdict", "code", "why", "package", "state", "packages")} == {
        "kb": "KB5120228",
        "verdict": "remove",
        "code": "remove",
        "why": f"KB5120228 is Installed. {TRY}",
        "package": HOTPATCH,
        "state": "Installed",
        "packages": [HOTPATCH],
    }


@pytest.mark.parametrize("probe", [failed("denied"), ok("none"), ok([{}])])
def test_without_packages_nothing_is_removed(probe: Raw) -> None:
    plan = planned("KB5120228", probe)
    assert said(plan) == ("unknown", "packages_unreadable")
    cause = "access denied" if not probe["ok"] else "unusable value"
    assert plan["why"] == f"The servicing packages could not be read ({cause})."
    assert (plan["package"], plan["state"], plan["packages"], plan["effect"]) == (None, None, [], None)


def test_the_number_of_the_error_is_told() -> None:
    error = {"type": "failed", "hresult": -2146498530, "message": "no"}
    plan = planned("KB5120228", {"ok": False, "value": None, "error": error})
    assert plan["why"] == "The servicing packages could not be read (failed (0x800F081E))."


def test_an_update_that_is_not_there_is_nothing_to_do() -> None:
    plan = planned("KB5122871", PATCHED)
    assert (said(plan), plan["why"]) == (("nothing_to_do", "not_installed"), "KB5122871 is not installed.")
    assert (plan["package"], plan["effect"]) == (None, None)


def test_an_update_that_only_the_list_of_updates_names_needs_its_package_named() -> None:
    plan = planned("KB5120228", BASE)
    why = "Windows lists KB5120228 as installed and no package tells that it is; name the package."
    assert (said(plan), plan["why"]) == (("unknown", "package_unnamed"), why)


def test_a_list_of_updates_that_cannot_be_read_proves_nothing() -> None:
    plan = planned("KB5122871", PATCHED, hotfixes=failed("timeout"))
    why = "No package tells that it is KB5122871, and the list of updates could not be read in full (timed out)."
    assert (said(plan), plan["why"]) == (("unknown", "package_unclear"), why)


def test_a_package_that_tells_nothing_could_be_it() -> None:
    silent = [
        {**package(one["name"]), "details": failed()} for one in (package(DOTNET), package("Package_X~~~~1.0.0.0"))
    ]
    plan = planned("KB5122871", [*PATCHED, *silent])
    why = f"No package tells that it is KB5122871, and these tell nothing: {DOTNET}, Package_X~~~~1.0.0.0."
    assert (said(plan), plan["why"]) == (("unknown", "package_unclear"), why)
    # Another one that does tell is removed all the same.
    assert said(planned("KB5120228", [*PATCHED, *silent])) == ("remove", "remove")


def test_a_rollup_that_tells_nothing_is_known_by_its_build() -> None:
    packages = [{**package(JULY), "details": failed()}, package(HOTPATCH)]
    plan = planned("KB5099536", packages, build=build("26100.33158"))
    assert (said(plan), plan["package"]) == (("remove", "remove"), JULY)
    # Two updates share this build, and nobody knows which of them it is.
    shared = package("Package_for_RollupFix~k~amd64~~26100.6905.1.3")
    changes = {"build": build("26100.6905"), "hotfixes": kbs("KB5070881")}
    assert said(planned("KB5070881", [shared], now=OCTOBER, **changes)) == ("unknown", "package_unclear")
    # A build that the table does not know.
    other = package("Package_for_RollupFix~k~amd64~~26100.33160.1.3")
    assert said(planned("KB5099536", [other], build=build("26100.33160"))) == ("unknown", "package_unclear")
    # Without a build of the host nobody knows whose rows to look at.
    assert said(planned("KB5099536", packages, build=failed())) == ("unknown", "package_unclear")


def test_what_a_rollup_tells_goes_before_its_build() -> None:
    packages = [package(JULY, "KB5099999")]
    assert said(planned("KB5099536", packages, hotfixes=kbs("KB5122871"))) == ("nothing_to_do", "not_installed")


def test_parts_of_a_package_go_with_it() -> None:
    parts = [package(f"Package_{number}_for_KB5120228~k~amd64~~26100.33222.1.3") for number in (1, 22)]
    plan = planned("KB5120228", [parts[0], *PATCHED, parts[1]])
    assert (said(plan), plan["package"]) == (("remove", "remove"), HOTPATCH)
    assert plan["packages"] == [parts[0]["name"], HOTPATCH, parts[1]["name"]]
    # A part that nothing else tells of is what there is.
    assert planned("KB5120228", parts[:1])["package"] == parts[0]["name"]


def test_of_several_packages_the_user_names_one() -> None:
    other = "Package_for_DotNetRollup~31bf3856ad364e35~amd64~~10.0.4850.1"
    packages = [package(DOTNET, "KB5120708"), package(other, "KB5120708")]
    plan = planned("KB5120708", packages)
    why = f"KB5120708 has more than one package here; name one of {DOTNET}, {other}."
    assert (said(plan), plan["why"], plan["package"]) == (("unknown", "package_ambiguous"), why, None)
    plan = planned("KB5120708", packages, wanted=other.upper())
    assert (said(plan), plan["package"]) == (("remove", "remove"), other)


def test_a_package_that_is_named_must_be_of_the_update() -> None:
    plan = planned("KB5120228", PATCHED, wanted=JULY)
    why = f"{JULY} is of KB5099536, not of KB5120228."
    assert (said(plan), plan["why"], plan["effect"]) == (("blocked", "package_of_another"), why, None)
    # One that tells nothing is taken at the user's word.
    for silent in (package(DOTNET), {**package(DOTNET), "details": failed()}):
        assert said(planned("KB5120708", [silent], wanted=DOTNET)) == ("remove", "remove")


def test_a_named_package_that_is_not_there_is_gone_or_a_mistake() -> None:
    wanted = "Package_for_KB5120228~~amd64~~26100.33222.1.4"
    plan = planned("KB5120228", BASE, wanted=wanted, hotfixes=kbs("KB5099536"))
    assert (said(plan), plan["why"]) == (("nothing_to_do", "not_installed"), f"No servicing package {wanted} is here.")
    why = f"No servicing package {wanted} is here, and nothing shows that KB5120228 is not installed."
    for packages, listed in ((PATCHED, kbs()), (BASE, kbs("KB5120228")), (BASE, failed())):
        plan = planned("KB5120228", packages, wanted=wanted, hotfixes=listed)
        assert (said(plan), plan["why"], plan["package"]) == (("unknown", "package_not_here"), why, None)


def test_a_package_in_place_goes_before_what_is_left_of_others() -> None:
    packages = [
        package("Package_for_RollupFix~k~amd64~~26100.33222.1.1", "KB5120228", "Staged"),
        package("Package_for_RollupFix~k~amd64~~26100.33222.1.2", "KB5120228", "Superseded"),
        package(HOTPATCH, "KB5120228"),
    ]
    assert planned("KB5120228", packages)["package"] == HOTPATCH
    assert said(planned("KB5120228", packages[:2])) == ("blocked", "superseded")
    assert said(planned("KB5120228", packages[:1])) == ("nothing_to_do", "not_installed")


STATES = [
    ("Installed", "remove", "remove", f"KB5120228 is Installed. {TRY}"),
    ("InstallPending", "remove", "remove", f"KB5120228 is InstallPending. {TRY}"),
    ("UninstallPending", "restart_left", "restart_left", "KB5120228 is removed already, but for the restart."),
    ("Staged", "nothing_to_do", "not_installed", "KB5120228 is not installed: its package is Staged."),
    ("NotPresent", "nothing_to_do", "not_installed", "KB5120228 is not installed: its package is NotPresent."),
    ("Removed", "nothing_to_do", "not_installed", "KB5120228 is not installed: its package is Removed."),
    ("Resolved", "nothing_to_do", "not_installed", "KB5120228 is not installed: its package is Resolved."),
    (
        "Superseded",
        "blocked",
        "superseded",
        "KB5120228 is superseded: a newer update has taken its place, and removing it would change nothing.",
    ),
    *(
        (state, "unknown", "state_unclear", f"{HOTPATCH} is {state}: nobody knows what a removal would do.")
        for state in ("PartiallyInstalled", "odd")
    ),
]


@pytest.mark.parametrize(("state", "verdict", "code", "why"), STATES)
@pytest.mark.parametrize("wanted", [None, HOTPATCH])
def test_what_state_a_package_may_be_in(state: str, verdict: str, code: str, why: str, wanted: str | None) -> None:
    plan = planned("KB5120228", [*BASE, package(HOTPATCH, "KB5120228", state)], wanted=wanted)
    assert (said(plan), plan["why"], plan["state"]) == ((verdict, code), why, state)
    assert (plan["effect"] is not None) is (verdict in ("remove", "restart_left"))


def test_a_servicing_stack_stays() -> None:
    plan = planned("KB5124007", PATCHED, wanted=STACK)
    assert (said(plan), plan["why"]) == (
        ("blocked", "servicing_stack"),
        f"{STACK} is a servicing stack: it cannot be removed.",
    )


MARKS = ("cbs_reboot_pending", "cbs_packages_pending")


@pytest.mark.parametrize("mark", MARKS)
def test_servicing_with_work_left_is_left_alone(mark: str) -> None:
    plan = planned("KB5120228", PATCHED, **{mark: True})
    why = f"Servicing has work left for a restart ({mark}): restart the host before KB5120228 is removed."
    assert (said(plan), plan["why"]) == (("blocked", "restart_pending"), why)
    plan = planned("KB5120228", PATCHED, **{mark: failed("denied")})
    why = f"Whether servicing has work left for a restart is not known ({mark}: access denied)."
    assert (said(plan), plan["why"]) == (("unknown", "restart_unknown"), why)


ALONE = [
    ({"cbs_reboot_in_progress": True}, "blocked", "servicing_in_progress", "Windows is in the boot phase of servicing"),
    ({"agent_busy": True}, "blocked", "agent_busy", "The update agent is installing something"),
    ({"cbs_reboot_in_progress": failed("denied")}, "unknown", "servicing_in_progress_unknown", "access denied"),
    ({"agent_busy": failed("denied")}, "unknown", "agent_busy_unknown", "access denied"),
]


@pytest.mark.parametrize("state", ["Installed", "InstallPending", "UninstallPending"])
@pytest.mark.parametrize(("marks", "verdict", "code", "words"), ALONE)
def test_nothing_is_removed_or_restarted_while_the_host_must_not_be_touched(
    marks: dict[str, object], verdict: str, code: str, words: str, state: str
) -> None:
    plan = planned("KB5120228", [*BASE, package(HOTPATCH, "KB5120228", state)], **marks)
    assert said(plan) == (verdict, code)
    assert words in plan["why"]
    assert "restart the host" not in plan["why"]


def test_all_marks_are_told() -> None:
    plan = planned("KB5120228", PATCHED, cbs_reboot_pending=True, cbs_packages_pending=True)
    assert "(cbs_reboot_pending, cbs_packages_pending)" in plan["why"]
    # One that is there goes before one that cannot be read.
    plan = planned("KB5120228", PATCHED, cbs_reboot_pending=failed(), cbs_packages_pending=True)
    assert said(plan) == ("blocked", "restart_pending")


@pytest.mark.parametrize(
    ("mark", "verdict"),
    [("cbs_reboot_pending", "remove"), ("cbs_packages_pending", "remove"), ("cbs_reboot_in_progress", "blocked")],
)
def test_what_waits_for_its_own_restart_may_go_for_it(mark: str, verdict: str) -> None:
    packages = [*BASE, package(SEPTEMBER, "KB5122871", "InstallPending")]
    assert planned("KB5122871", packages, now=NOW, **{mark: True})["verdict"] == verdict


def test_what_is_removed_but_for_the_restart_minds_no_marks() -> None:
    packages = [*BASE, package(HOTPATCH, "KB5120228", "UninstallPending")]
    plan = planned("KB5120228", packages, cbs_reboot_pending=True, cbs_packages_pending=failed())
    assert said(plan) == ("restart_left", "restart_left")


def test_only_the_newest_update_of_windows_may_go() -> None:
    plan = planned("KB5099536", PATCHED)
    why = "The host is at build 26100.33222 and KB5099536 brought revision 33158: remove the newer update first."
    assert (said(plan), plan["why"]) == (("blocked", "newer_on_top"), why)
    plan = planned("KB5099536", PATCHED, build=failed("timeout"))
    why = "Whether a newer update builds on KB5099536 is not known: the build could not be read (timed out)."
    assert (said(plan), plan["why"]) == (("unknown", "build_unknown"), why)
    # What has versions of its own stands beside all that.
    assert said(planned("KB5120708", [package(DOTNET, "KB5120708")], build=failed())) == ("remove", "remove")


def test_the_release_table_tells_the_build_of_a_package_that_does_not() -> None:
    own = package("Package_for_KB5099536~31bf3856ad364e35~amd64~~26100.1.1.3")
    assert said(planned("KB5099536", [own])) == ("blocked", "newer_on_top")
    assert said(planned("KB5099536", [own], build=build("26100.33158"))) == ("remove", "remove")


# --- what it does to the track ---------------------------------------------------------------------------------------


def effect(*args: Any, **changes: Any) -> dict[str, Any]:
    """The effect of a removal that may be tried."""
    plan = planned(*args, **changes)
    assert plan["verdict"] in ("remove", "restart_left"), plan["why"]
    found: dict[str, Any] = plan["effect"]
    return found


def brief(found: dict[str, Any]) -> tuple[str | None, str | None, str, str]:
    """Type, build after, track before and after."""
    return found["type"], found["build_after"], found["track_before"], found["track_after"]


LAST = "Its fixes are missing until it or a later update is installed. The next run installs it again, unless hold_kbs of the policy names {}."


def test_a_hotpatch_leaves_its_baseline() -> None:
    assert effect("KB5120228", PATCHED) == {
        "type": "hotpatch",
        "build_before": "26100.33222",
        "build_after": "26100.33158",
        "track_before": "hotpatch",
        "track_after": "hotpatch",
        "words": [
            "The host shows build 26100.33158 afterwards (inferred: the one below it here).",
            "KB5120228 is a hotpatch, and the baseline stays: the host stays on the hotpatch track (inferred).",
            LAST.format("KB5120228"),
        ],
    }


def test_the_build_below_is_that_of_the_highest_package_that_stays() -> None:
    more = [
        package(JUNE, "KB5094125", "Superseded"),
        package("Package_for_RollupFix~k~amd64~~26100.33200.1.1", "KB5100000", "Staged"),
        package("Package_for_RollupFix~k~amd64~~26100.33296.1.1", "KB5120233", "Superseded"),
        package("Package_for_ServicingStack_33210~k~amd64~~26100.33210.1.1"),
    ]
    assert effect("KB5120228", [*more, *PATCHED])["build_after"] == "26100.33158"
    for state in ("Superseded", "InstallPending"):
        packages = [package(JULY, "KB5099536", state), package(HOTPATCH, "KB5120228")]
        assert effect("KB5120228", packages)["build_after"] == "26100.33158"
    # Removed but for the restart: the one that comes back waits for it too.
    packages = [package(JULY, "KB5099536", "InstallPending"), package(HOTPATCH, "KB5120228", "UninstallPending")]
    assert brief(effect("KB5120228", packages)) == ("hotpatch", "26100.33158", "hotpatch", "hotpatch")


def test_a_build_that_nobody_can_tell_makes_the_track_unknown() -> None:
    found = effect("KB5120228", [package(HOTPATCH, "KB5120228")])
    assert brief(found) == ("hotpatch", None, "hotpatch", "unknown")
    assert found["words"][:2] == [
        "Which build the host shows afterwards is not known.",
        "What this does to the hotpatch track is not known.",
    ]
    # A build below that the table does not know.
    below = package("Package_for_RollupFix~k~amd64~~26100.33160.1.1", "KB5100000")
    assert brief(effect("KB5120228", [below, package(HOTPATCH, "KB5120228")])) == (
        "hotpatch",
        "26100.33160",
        "hotpatch",
        "unknown",
    )


def test_back_to_a_build_that_two_updates_share() -> None:
    """26100.6905 is KB5070881, which ends the track, and KB5070893, which does not."""
    shared = package("Package_for_RollupFix~k~amd64~~26100.6905.1.3", "KB5070893")
    later = package("Package_for_KB5068966~k~amd64~~26100.7092.1.3", "KB5068966")
    changes = {"build": build("26100.7092"), "hotfixes": kbs("KB5070893", "KB5068966")}
    found = effect("KB5068966", [shared, later], now=datetime(2025, 11, 20, tzinfo=UTC), **changes)
    assert brief(found) == ("hotpatch", "26100.6905", "hotpatch", "unknown")


def test_back_to_a_build_below_the_current_baseline() -> None:
    packages = [package(JUNE, "KB5094125"), package(HOTPATCH, "KB5120228")]
    found = effect("KB5120228", packages)
    assert brief(found) == ("hotpatch", "26100.32995", "hotpatch", "standard")
    assert found["words"][1] == "The host's updates restart it afterwards (track standard)."


def test_a_month_that_the_table_lacks_makes_the_track_unknown() -> None:
    """A table that ends in August, judged when another baseline may be out."""
    later = datetime(2026, 8, 20, tzinfo=UTC)
    assert effect("KB5120228", PATCHED, now=later)["track_after"] == "hotpatch"
    early = TABLE.__class__(tuple(one for one in TABLE.releases if str(one.date) < "2026-09"), (), "2026-08-20")
    raw = signals("server_2025", **HOTPATCHED)
    host = {**judge(raw, NOW), "track": "hotpatch", "state": "on_track"}
    plan = rollback.plan("KB5120228", None, ok(PATCHED), Signals(raw), host, early, NOW)
    assert plan["effect"]["track_after"] == "unknown"


def test_a_baseline_takes_the_track_with_it() -> None:
    packages = [package(JULY, "KB5099536", "Superseded"), package(SEPTEMBER, "KB5122871")]
    changes = {"build": build("26100.33438"), "hotfixes": kbs("KB5120228", "KB5122871")}
    found = effect("KB5122871", packages, now=NOW, **changes)
    assert brief(found) == ("unplanned_baseline", "26100.33158", "hotpatch", "standard")
    following = TABLE.next_baseline("windows_server_2025", NOW)
    assert following is not None
    assert found["words"] == [
        "The host shows build 26100.33158 afterwards (inferred: the one below it here).",
        "KB5122871 is the baseline of 2026-09-08. Without it no hotpatch is offered: the host is off the hotpatch track until "
        f"KB5122871 or the next baseline, expected on {following}, is installed, which restarts it.",
        LAST.format("KB5122871"),
    ]
    # Whatever the build is.
    assert brief(effect("KB5122871", packages[1:], now=NOW, **changes))[1:] == (None, "hotpatch", "standard")


def test_without_a_calendar_the_next_baseline_has_no_date() -> None:
    late = datetime(2027, 12, 1, tzinfo=UTC)
    assert TABLE.next_baseline("windows_server_2025", late) is None
    packages = [package(JULY, "KB5099536", "Superseded"), package(SEPTEMBER, "KB5122871")]
    found = effect("KB5122871", packages, now=late, build=build("26100.33438"), hotfixes=kbs("KB5122871"))
    assert "until KB5122871 or the next baseline is installed" in found["words"][1]


def test_a_baseline_that_waits_for_its_restart() -> None:
    packages = [*BASE, package(SEPTEMBER, "KB5122871", "InstallPending")]
    changes = {"build": build("26100.33222"), "cbs_reboot_pending": True}
    found = effect("KB5122871", packages, now=NOW, **changes)
    assert (found["build_after"], found["track_after"]) == ("26100.33222", "standard")
    assert found["words"][0] == "KB5122871 waits for its restart and is not in effect yet: the host runs 26100.33222."


OFF = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33296.1.4"


def test_whether_the_track_comes_back_with_the_update_that_ended_it_is_not_known() -> None:
    packages = [*BASE, package(OFF, "KB5120233")]
    changes = {"build": build("26100.33296"), "hotfixes": kbs("KB5099536", "KB5120233")}
    found = effect("KB5120233", packages, azure={"subscription_status": "Enabled"}, **changes)
    assert brief(found) == ("ordinary", "26100.33158", "standard", "unknown")
    following = TABLE.next_baseline("windows_server_2025", AUGUST)
    assert found["words"][1] == (
        "KB5120233 ends the hotpatch track. Whether a host is back on it without KB5120233 is not known: "
        f"Microsoft only names the next baseline, expected on {following}."
    )


def test_one_that_has_not_come_into_effect_leaves_the_track() -> None:
    packages = [*PATCHED, package(OFF, "KB5120233", "InstallPending")]
    found = effect("KB5120233", packages, cbs_reboot_pending=True)
    assert brief(found) == ("ordinary", "26100.33222", "hotpatch", "hotpatch")
    assert found["words"][1] == (
        "KB5120233 is an update that would end the track, and the baseline stays: "
        "the host stays on the hotpatch track (inferred)."
    )


def test_what_is_outside_of_the_program_changes_no_track() -> None:
    found = effect("KB5120708", [*PATCHED, package(DOTNET, "KB5120708")])
    assert brief(found) == ("dotnet", "26100.33222", "hotpatch", "hotpatch")
    assert found["words"][:2] == [
        "The build stays as it is.",
        "KB5120708 is no part of the hotpatch program, so the track stays hotpatch.",
    ]
    single = package("Package_for_KB5054156~31bf3856ad364e35~amd64~~26100.1.1.0")
    assert brief(effect("KB5054156", [*PATCHED, single])) == (None, "26100.33222", "hotpatch", "hotpatch")


def test_an_update_of_windows_that_the_table_does_not_know() -> None:
    other = package("Package_for_RollupFix~k~amd64~~26100.33300.1.3", "KB5129999")
    found = effect("KB5129999", [*BASE, other], build=build("26100.33300"))
    assert brief(found)[:2] == (None, "26100.33158")
    assert (found["track_after"], found["words"][1]) == (
        "unknown",
        "What this does to the hotpatch track is not known.",
    )


@pytest.mark.parametrize(("kind", "kb"), [("server_2025", "KB5089466"), ("server_2022", "KB5120228")])
def test_a_row_of_another_product_says_nothing(kind: str, kb: str) -> None:
    assert [one.type for one in TABLE.releases if one.kb == kb]
    single = package(f"Package_for_{kb}~31bf3856ad364e35~amd64~~26100.1.1.0")
    changes = {} if kind == "server_2025" else {"build": build("20348.5622"), "hotfixes": kbs("KB5122882")}
    assert effect(kb, [single], kind=kind, **changes)["type"] is None


NO_TRACK: list[tuple[dict[str, Any], str]] = [
    ({"vbs_running": 0, "vbs_configured": 0}, "not_ready"),
    ({"azure": {"hotpatch_enablement_status": "Disabled"}}, "not_enrolled"),
    ({"build": build("25398.1486")}, "not_capable"),
]


@pytest.mark.parametrize(("changes", "state"), NO_TRACK)
def test_a_host_without_a_track_loses_none(changes: dict[str, Any], state: str) -> None:
    found = effect("KB5120708", [package(DOTNET, "KB5120708")], **changes)
    assert found["track_after"] == "standard"
    assert found["words"][1] == f"The host is {state}, so it has no hotpatch track to lose."


def test_a_hotpatch_on_a_host_that_is_behind_leaves_it_behind() -> None:
    found = effect("KB5120228", PATCHED, now=NOW)
    assert brief(found) == ("hotpatch", "26100.33158", "standard", "standard")
    assert found["words"][1] == "The host's updates restart it afterwards (track standard)."


def test_a_track_that_nobody_knows_is_not_known_afterwards() -> None:
    found = effect("KB5120228", PATCHED, vbs_running=failed())
    assert brief(found) == ("hotpatch", "26100.33158", "unknown", "unknown")
    assert found["words"][1] == "What this does to the hotpatch track is not known."


def test_clients_share_their_packages_and_have_builds_of_their_own() -> None:
    baseline = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.9445.1.2"
    below = package("Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.8390.1.2", "KB5089466", "Superseded")
    raw = {"build": build("26200.9445"), "hotfixes": kbs("KB5124008")}
    found = effect("KB5124008", [below, package(baseline, "KB5124008")], kind="windows_11", now=NOW, **raw)
    assert (found["build_before"], found["build_after"], found["track_after"]) == (
        "26200.9445",
        "26200.8390",
        "standard",
    )


def test_a_rollup_of_a_client_is_known_by_the_build_of_its_own_version() -> None:
    """KB5124008 has a row for each version of Windows 11."""
    silent = {**package("Package_for_RollupFix~k~amd64~~26100.9445.1.2"), "details": failed()}
    for family in ("26100", "26200"):
        changes = {"build": build(f"{family}.9445"), "hotfixes": kbs("KB5124008")}
        plan = planned("KB5124008", [silent], kind="windows_11", now=NOW, **changes)
        assert (said(plan), plan["effect"]["type"]) == (("remove", "remove"), "unplanned_baseline")


# --- in general ------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["Installed", "InstallPending", "UninstallPending", "Superseded", "Staged", "PartiallyInstalled", "?"]
)
NAMES = st.sampled_from([HOTPATCH, JULY, JUNE, SEPTEMBER, STACK, DOTNET, "Package_for_RollupFix", "x"])
ENTRIES = st.fixed_dictionaries(
    {
        "name": NAMES,
        "state": WORDS,
        "details": st.one_of(
            st.just(failed()),
            st.sampled_from([ok({"description": f"Fix for {kb}"}) for kb in ("KB5120228", "KB5099536", "")]),
        ),
    }
)


@given(
    entries=st.lists(ENTRIES, max_size=4, unique_by=lambda one: one["name"]),
    kb=st.sampled_from(["KB5120228", "KB5099536", "KB5122871"]),
    wanted=st.one_of(st.none(), NAMES),
    marks=st.dictionaries(st.sampled_from(MARKS), st.sampled_from([True, False, None])),
    known=st.booleans(),
)
def test_only_one_package_that_is_in_place_is_ever_removed(
    entries: list[Raw], kb: str, wanted: str | None, marks: dict[str, bool | None], known: bool
) -> None:
    changes: dict[str, object] = {name: failed() if mark is None else mark for name, mark in marks.items()}
    plan = planned(kb, entries, wanted=wanted, **changes, **({} if known else {"build": failed()}))
    assert plan["verdict"] in rollback.VERDICTS
    assert plan["why"].endswith((".", "permanent."))
    assert (plan["effect"] is not None) is (plan["verdict"] in rollback.TO_DO)
    if plan["verdict"] == "remove":
        mine = [one for one in entries if one["name"].casefold() == plan["package"].casefold()]
        assert mine[0]["state"] in rollback.IN_PLACE
        assert "ServicingStack" not in plan["package"]
        assert marks.get("cbs_reboot_in_progress", False) is False
