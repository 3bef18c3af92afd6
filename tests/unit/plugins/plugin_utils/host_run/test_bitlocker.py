# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TPM needs to open the volume, what known issues depend on, and what a suspension that was done or undone has to show."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import bitlocker
from bitlocker_cases import NONE, UEFI, bad, good, policy, tpm
from hypothesis import given
from hypothesis import strategies as st

LEAD = "Whether the TPM opens the system volume by itself is not known"
NO_SECURE_BOOT = {"bitlocker_profiles": good([[0, 2, 4, 11]]), "secure_boot": NONE, "bitlocker_binding": good(0)}


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ({}, "(it checks PCR 7, 11; Secure Boot on, PCR 7 bound)"),
        (NO_SECURE_BOOT, "(it checks PCR 0, 2, 4, 11; Secure Boot off)"),
        # Where PCR 7 plays no part, nobody has to know whether it is bound.
        ({**NO_SECURE_BOOT, "bitlocker_binding": bad()}, "(it checks PCR 0, 2, 4, 11; Secure Boot off)"),
        ({**NO_SECURE_BOOT, "bitlocker_policy_bios": policy(0, 2, 4, 11)}, "11, chosen by policy; Secure Boot off)"),
        ({UEFI: policy(7, 11)}, "(it checks PCR 7, 11, chosen by policy; Secure Boot on, PCR 7 bound)"),
        ({UEFI: policy(0, 7, enabled=0)}, "(it checks PCR 7, 11; Secure Boot on, PCR 7 bound)"),
        ({UEFI: good({})}, "(it checks PCR 7, 11; Secure Boot on, PCR 7 bound)"),
    ],
)
def test_a_tpm_opens_the_volume(probes: dict[str, Any], words: str) -> None:
    answer = bitlocker.at_boot(tpm(**probes), 1)
    assert answer.ok is True
    assert answer.words.startswith("The TPM opens the system volume by itself (")
    assert words in answer.words


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        # The case of April 2026, as public reports have it.
        (
            {UEFI: policy(0, 2, 4, 7, 11), "bitlocker_binding": good(0)},
            f"{LEAD}: the policy on the TPM's profile for UEFI names PCR 7, but Secure Boot is on, and binding PCR 7 is not possible.",
        ),
        ({UEFI: policy(7), "bitlocker_binding": bad()}, "Not read: whether PCR 7 is bound (access denied)."),
        ({"bitlocker_binding": None}, "Not read: whether PCR 7 is bound (not asked)."),
        (
            {"bitlocker_binding": good(2)},
            "its profile names PCR 7, but Secure Boot is on, and binding PCR 7 is possible.",
        ),
        ({"bitlocker_binding": good(1)}, "binding PCR 7 is disabled by policy."),
        ({"bitlocker_binding": good(4)}, "whether PCR 7 is bound (unusable value)"),
        ({"secure_boot": NONE}, "its profile names PCR 7, but Secure Boot is off"),
        ({"secure_boot": good({})}, "the state of Secure Boot (unusable value)"),
        ({"bitlocker_profiles": bad("failed", 0x80070057)}, "(the validation profile) (failed (0x80070057))."),
        ({"bitlocker_profiles": good([])}, "(the validation profile) (unusable value)."),
        ({"bitlocker_profiles": good([[7], None])}, "(the validation profile) (unusable value)."),
        ({UEFI: bad()}, "Not read: the policy on the TPM's profile for UEFI (access denied)."),
        ({UEFI: good({"7": 1})}, "the policy on the TPM's profile for UEFI (unusable value)."),
        ({UEFI: policy(7, enabled="1")}, "the policy on the TPM's profile for UEFI (unusable value)."),
        ({UEFI: good({"Enabled": 1, "7": "yes"})}, "the policy on the TPM's profile for UEFI (unusable value)."),
        ({"bitlocker_policy_bios": bad()}, "the policy on the TPM's profile for BIOS (access denied)"),
        ({"bitlocker_policy_old": bad()}, "the older policy on the TPM's profile (access denied)"),
    ],
)
def test_a_tpm_that_may_ask_is_not_known(probes: dict[str, Any], words: str) -> None:
    answer = bitlocker.at_boot(tpm(**probes), 1)
    assert answer.ok is None
    assert answer.words.startswith(LEAD)
    assert words in answer.words


@pytest.mark.parametrize("probes", [{}, NO_SECURE_BOOT, {UEFI: policy(7, 11)}])
def test_a_yes_falls_with_each_fact_that_it_names(probes: dict[str, Any]) -> None:
    facts = bitlocker.at_boot(tpm(**probes), 1).facts
    assert {"bitlocker_system_volume", "bitlocker_profiles", *bitlocker.POLICIES, "secure_boot"} <= set(facts)
    for name in facts:
        for lost in (None, bad(), good("?")):
            answer = bitlocker.at_boot(tpm(**{**probes, name: lost}), 1)
            assert (answer.ok, name in answer.facts) == (None, True), name


probe = st.sampled_from([None, NONE, bad(), good(3), good(0), good([[7]]), good([[4]]), good({}), policy(7), policy(4)])


@given(st.dictionaries(st.sampled_from([*bitlocker.NAMES]), probe), st.integers(1, 2))
def test_no_yes_without_the_facts_it_names(probes: dict[str, Any], restarts: int) -> None:
    signals = tpm(**probes)
    answer = bitlocker.at_boot(signals, restarts)
    if answer.ok:
        assert UNKNOWN not in [signals.value(name) for name in answer.facts]


@pytest.mark.parametrize(
    ("probe", "ok"),
    [
        (NONE, True),
        # Only that there is no such namespace says that BitLocker is not installed.
        (bad("unavailable", 0x8004100E - 2**32), True),
        (bad("unavailable", 0x80041010 - 2**32), None),
        (bad("unavailable", 0x80131501 - 2**32), None),
        (bad("denied", 0x80041003 - 2**32), None),
    ],
)
def test_a_host_without_bitlocker(probe: dict[str, Any], ok: bool | None) -> None:
    assert bitlocker.at_boot(Signals({"bitlocker_system_volume": probe}), 1).ok is ok


@pytest.mark.parametrize(("count", "restarts", "ok"), [(1, 1, True), (0, 2, True), (1, 2, None), (2, 2, True)])
def test_a_suspension_that_ends_too_early_leaves_it_to_the_tpm(count: int, restarts: int, ok: bool | None) -> None:
    volume = good({"protection": 0, "protectors": [1], "suspended_for": count})
    answer = bitlocker.at_boot(tpm(bitlocker_system_volume=volume, bitlocker_binding=good(0)), restarts)
    assert answer.ok is ok


# Conditions of known issues


@pytest.mark.parametrize(
    ("name", "probes", "met"),
    [
        ("bitlocker_on", {}, True),
        ("bitlocker_on", {"bitlocker_system_volume": NONE}, False),
        ("bitlocker_on", {"bitlocker_system_volume": bad()}, None),
        ("bitlocker_pcr7_policy", {}, False),
        ("bitlocker_pcr7_policy", {UEFI: policy(0, 7)}, True),
        ("bitlocker_pcr7_policy", {"bitlocker_policy_old": policy(7)}, True),
        ("bitlocker_pcr7_policy", {UEFI: policy(0, 2)}, False),
        ("bitlocker_pcr7_policy", {UEFI: bad()}, None),
        ("bitlocker_pcr7_policy", {UEFI: policy(7), "bitlocker_policy_bios": bad()}, True),
        ("bitlocker_pcr7_binding_not_possible", {}, False),
        ("bitlocker_pcr7_binding_not_possible", {"bitlocker_binding": good(0)}, True),
        ("bitlocker_pcr7_binding_not_possible", {"bitlocker_binding": good(1)}, None),
        ("bitlocker_pcr7_binding_not_possible", {"bitlocker_binding": good(2)}, False),
        ("bitlocker_pcr7_binding_not_possible", {"bitlocker_binding": bad()}, None),
        ("uefi_ca_2023_in_db", {}, True),
        ("uefi_ca_2023_in_db", {"secure_boot_servicing": good({"WindowsUEFICA2023Capable": 0})}, False),
        ("uefi_ca_2023_in_db", {"secure_boot_servicing": good({"WindowsUEFICA2023Capable": 2})}, True),
        # Absent may be not yet written.
        ("uefi_ca_2023_in_db", {"secure_boot_servicing": NONE}, None),
        ("uefi_ca_2023_in_db", {"secure_boot_servicing": good({})}, None),
        ("boot_manager_2023_not_in_use", {}, True),
        ("boot_manager_2023_not_in_use", {"secure_boot_servicing": good({"WindowsUEFICA2023Capable": 2})}, False),
        ("boot_manager_2023_not_in_use", {"secure_boot_servicing": good({"WindowsUEFICA2023Capable": 7})}, None),
    ],
)
def test_conditions(name: str, probes: dict[str, Any], met: bool | None) -> None:
    fact = bitlocker.CONDITIONS[name](tpm(**probes), 1)
    assert fact.met is met
    assert set(fact.facts) <= set(bitlocker.NAMES)


@pytest.mark.parametrize(
    ("protection", "protectors", "count", "restarts", "met"),
    [
        (0, [1], 1, 1, False),
        (0, [1], 1, 2, True),
        (0, [1], None, 1, None),
        (0, [], None, 1, False),
        (2, [1], None, 1, None),
    ],
)
def test_a_suspended_volume_asks_nobody(
    protection: int, protectors: list[int], count: int | None, restarts: int, met: bool | None
) -> None:
    volume = good({"protection": protection, "protectors": protectors, "suspended_for": count})
    assert bitlocker.CONDITIONS["bitlocker_on"](tpm(bitlocker_system_volume=volume), restarts).met is met


# Suspending and resuming


def answer(before: object, after: object, change: dict[str, Any] | None = None) -> dict[str, Any]:
    """What windows_bitlocker says; a number is ProtectionStatus, a pair the count of a suspension too."""

    def state(given: object) -> dict[str, Any]:
        if isinstance(given, dict):
            return given
        protection, count = given if isinstance(given, tuple) else (given, None)
        return good({"protection": protection, "suspended_for": count})

    return {"before": state(before), "after": state(after), "change": change or good(True)}


@pytest.mark.parametrize(
    ("told", "ok", "words"),
    [
        (answer(1, (0, 1)), True, "BitLocker is suspended for 1 restart."),
        (answer(1, (0, 2)), True, "BitLocker is suspended for 1 restart."),
        (answer(1, (0, 0)), True, "BitLocker is suspended for 1 restart."),
        (answer(1, 1), False, "could not be suspended (Windows says that it did it, and it is not so)"),
        (answer(1, 0), False, "could not be suspended"),
        (answer(1, 1, bad()), False, "could not be suspended (access denied), so the host is not restarted."),
        (answer(1, bad("failed", 5)), False, "could not be suspended (failed (0x00000005))"),
        ({}, False, "could not be suspended (no answer)"),
        (None, False, "could not be suspended (no answer)"),
    ],
)
def test_a_suspension_is_seen(told: dict[str, Any] | None, ok: bool, words: str) -> None:
    proof = bitlocker.suspended(told, 1)
    assert proof.ok is ok
    assert words in proof.words


@pytest.mark.parametrize(
    ("told", "ok", "words"),
    [
        (answer(1, 1, good(False)), True, "again, by Windows itself."),
        (answer((0, 1), 1), True, "again, because it was resumed."),
        (
            answer((0, 1), (0, 1), bad("failed", 0x80310007)),
            False,
            "BITLOCKER IS STILL SUSPENDED (failed (0x80310007)).",
        ),
        (
            answer((0, 1), (0, 1)),
            False,
            "BITLOCKER IS STILL SUSPENDED (Windows says that it did it, and it is not so).",
        ),
        (answer(1, bad("timeout")), False, "WHETHER BITLOCKER PROTECTS THE HOST AGAIN IS NOT KNOWN (timed out)."),
        (answer(1, 2), False, "IS NOT KNOWN"),
        (None, False, "IS NOT KNOWN (no answer)"),
    ],
)
def test_that_protection_is_on_again_is_seen(told: dict[str, Any] | None, ok: bool, words: str) -> None:
    proof = bitlocker.resumed(told)
    assert proof.ok is ok
    assert words in proof.words


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["ok", "value", "protection", "suspended_for", "before", "after"]), inner)
    ),
    max_leaves=8,
)


@given(st.none() | st.dictionaries(st.sampled_from(["before", "after", "change"]), anything), st.integers(1, 15))
def test_whatever_is_answered_only_what_is_seen_is_proof(told: dict[str, Any] | None, restarts: int) -> None:
    after = (told or {}).get("after")
    value = after.get("value") if isinstance(after, dict) and after.get("ok") is True else None
    protection = value.get("protection") if isinstance(value, dict) else None
    assert bitlocker.resumed(told).ok is (protection == 1 and not isinstance(protection, bool))
    if bitlocker.suspended(told, restarts).ok:
        assert protection == 0
