# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What BitLocker does at the next boot, by the facts that decide it. Sources: preflight_info.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals, Unknown, number

# Key protectors, by the numbers of Win32_EncryptableVolume.
TPM, NETWORK = 1, 9
PERSON = {
    2: "an external key",
    3: "the recovery password",
    4: "TPM and PIN",
    5: "TPM and startup key",
    6: "TPM, PIN and startup key",
    8: "a passphrase",
}
# Beside others a public key and an account say nothing about the boot.
KNOWN = frozenset({*PERSON, TPM, 7, NETWORK, 10})
OFF, ON = 0, 1
RECOVERY = 3
# There is no such namespace: the feature BitLocker is not installed. A class that is missing in it is a broken provider.
NO_NAMESPACE = 0x8004100E
REGISTERS = range(24)
# The register that Secure Boot is measured into, and what Windows says of binding the key to it.
SECURE_BOOT_PCR = 7
NOT_POSSIBLE, DISABLED, POSSIBLE, BOUND = range(4)
BINDINGS = {NOT_POSSIBLE: "not possible", DISABLED: "disabled by policy", POSSIBLE: "possible", BOUND: "bound"}

VOLUME, PROFILES, BINDING = "bitlocker_system_volume", "bitlocker_profiles", "bitlocker_binding"
SECURE_BOOT, SERVICING = "secure_boot", "secure_boot_servicing"
POLICIES = {
    "bitlocker_policy_uefi": "the policy on the TPM's profile for UEFI",
    "bitlocker_policy_bios": "the policy on the TPM's profile for BIOS",
    "bitlocker_policy_old": "the older policy on the TPM's profile",
}
NAMES = {
    VOLUME: "the system volume",
    PROFILES: "what the TPM checks (the validation profile)",
    BINDING: "whether PCR 7 is bound",
    SECURE_BOOT: "the state of Secure Boot",
    SERVICING: "which boot manager Secure Boot knows",
    **POLICIES,
}
FIX = "Suspend it for the restart (suspend_bitlocker does), or have somebody there and set bitlocker to ignore."
UNTOLD = "Whether BitLocker asks for something at the boot is not known"


class Answer(NamedTuple):
    """True: nobody is asked. False: somebody is. None: nobody knows. With the probes that it rests on."""

    ok: bool | None
    words: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Volume:
    """The system volume: ProtectionStatus (0 or 1), the types of its key protectors, and for how many restarts it is suspended."""

    protection: int
    protectors: tuple[int, ...]
    suspended_for: int | Unknown

    def suspended(self, restarts: int) -> bool:
        """Whether it is suspended for as many restarts as lie ahead; 0 is until somebody resumes it."""
        count = self.suspended_for
        return self.protection == OFF and not isinstance(count, Unknown) and (count == 0 or count >= restarts)


def volume(signals: Signals) -> Volume | Unknown | None:
    """The system volume; None on a host without BitLocker."""
    value = signals.table(VOLUME)
    if value is None or signals.hresult(VOLUME) == NO_NAMESPACE:
        return None
    if isinstance(value, Unknown):
        return UNKNOWN
    protection, protectors = number(value.get("protection")), _numbers(value.get("protectors"))
    if protection not in (OFF, ON) or isinstance(protection, Unknown) or isinstance(protectors, Unknown):
        return UNKNOWN
    return Volume(protection, protectors, number(value.get("suspended_for")))


def _numbers(given: object) -> tuple[int, ...] | Unknown:
    """A list of numbers; UNKNOWN when an entry is none."""
    if not isinstance(given, list):
        return UNKNOWN
    found = [number(value) for value in given]
    return UNKNOWN if UNKNOWN in found else tuple(value for value in found if not isinstance(value, Unknown))


def opens(protectors: Iterable[int]) -> bool | None:
    """Whether protectors of these kinds open the system volume at boot with nobody there, as long as the TPM finds what it expects.

    By the network it opens where a server answers, which nobody can know before.
    """
    kinds = frozenset(protectors)
    if TPM in kinds:
        return True
    if NETWORK in kinds or kinds - KNOWN or not kinds & PERSON.keys():
        return None
    return False


def at_boot(signals: Signals, restarts: int) -> Answer:
    """Whether the system volume opens by itself at each of the restarts that lie ahead."""
    found = volume(signals)
    if found is None:
        return Answer(True, "The host has no BitLocker.", (VOLUME,))
    if isinstance(found, Unknown):
        if signals.table(VOLUME) is not UNKNOWN:
            return Answer(None, f"{UNTOLD}: Windows itself does not tell.", (VOLUME,))
        hint = " It takes an administrator's rights." if signals.denied(VOLUME) else ""
        return Answer(None, f"{UNTOLD}: {signals.numbered(VOLUME)}.{hint}", (VOLUME,))
    if found.protection == ON:
        return _protected(signals, found.protectors)
    if not found.protectors:
        return Answer(True, "BitLocker's protection of the system volume is off.", (VOLUME,))
    count = found.suspended_for
    if found.suspended(restarts):
        until = f"for {_times(count)}" if isinstance(count, int) and count else "until somebody resumes it"
        return Answer(True, f"BitLocker is suspended {until}.", (VOLUME,))
    then = _protected(signals, found.protectors)
    if isinstance(count, int):
        ahead = f"BitLocker is suspended for {_times(count)}, and {_times(restarts)} lie ahead."
        return then._replace(words=f"{ahead} {then.words}")
    if TPM in found.protectors:
        return then._replace(words=f"BitLocker is off and not suspended: encryption may be under way. {then.words}")
    words = "BitLocker is off and not suspended: encryption may be under way, and then asks at the boot."
    return Answer(None, words, (VOLUME,))


def _protected(signals: Signals, protectors: tuple[int, ...]) -> Answer:
    """What a volume whose protection is on does."""
    kinds = sorted(set(protectors))
    alone = opens(kinds)
    if alone:
        return _by_tpm(signals)
    if alone is False:
        # Nearly every volume has a recovery password beside what opens it.
        names = [PERSON[kind] for kind in kinds if kind in PERSON and kind != RECOVERY] or [PERSON[RECOVERY]]
        return Answer(False, f"BitLocker would wait at the boot for {' or '.join(names)}. {FIX}", (VOLUME,))
    if NETWORK in kinds:
        words = "The system volume opens by the network where a server answers; else BitLocker asks at the boot."
        return Answer(None, words, (VOLUME,))
    said = ", ".join(map(str, kinds)) or "none"
    return Answer(None, f"What opens the system volume at the boot is not known (protectors {said}).", (VOLUME,))


def _by_tpm(signals: Signals) -> Answer:
    """A TPM opens the volume while what it checks is as it was. PCR 7 of its profile is only sound where Secure Boot is bound."""
    facts = [VOLUME, PROFILES, *POLICIES, SECURE_BOOT]
    checked, secure = profile(signals), secure_boot(signals)
    chosen = {name: policy(signals, name) for name in POLICIES}
    sevens = [name for name, pcrs in chosen.items() if isinstance(pcrs, frozenset) and SECURE_BOOT_PCR in pcrs]
    named = bool(sevens) or (not isinstance(checked, Unknown) and SECURE_BOOT_PCR in checked)
    bound = binding(signals)
    if named:
        facts.append(BINDING)
    values = {PROFILES: checked, **chosen, SECURE_BOOT: secure, BINDING: bound}
    missing = [f"{NAMES[name]} ({signals.numbered(name)})" for name in facts[1:] if values[name] is UNKNOWN]
    lead = "Whether the TPM opens the system volume by itself is not known"
    if missing:
        return Answer(None, f"{lead}. Not read: {', '.join(missing)}.", tuple(facts))
    words = _profile_words(checked, chosen)
    if named and (secure is not True or bound != BOUND):
        where = f"{NAMES[sevens[0]]} names PCR 7" if sevens else "its profile names PCR 7"
        how = f"Secure Boot is {'on' if secure else 'off'}, and binding PCR 7 is {bound if isinstance(bound, Unknown) else BINDINGS[bound]}"
        return Answer(None, f"{lead}: {where}, but {how}. Boot files that change can make it ask. {FIX}", tuple(facts))
    state = f"Secure Boot {'on' if secure else 'off'}{', PCR 7 bound' if named else ''}"
    return Answer(True, f"The TPM opens the system volume by itself ({words}; {state}).", tuple(facts))


def _profile_words(checked: frozenset[int] | Unknown, chosen: Mapping[str, frozenset[int] | Unknown | None]) -> str:
    shown = ", ".join(map(str, sorted(checked))) if not isinstance(checked, Unknown) else ""
    by = ", chosen by policy" if any(chosen.values()) else ""
    return f"it checks PCR {shown}{by}"


def profile(signals: Signals) -> frozenset[int] | Unknown:
    """The registers that the TPM checks, over all protectors that it has a part in."""
    given = signals.value(PROFILES)
    read = [_numbers(one) for one in given] if isinstance(given, list) else []
    found: frozenset[int] = frozenset()
    for one in read:
        if isinstance(one, Unknown):
            return UNKNOWN
        found |= frozenset(one)
    return found or UNKNOWN


def policy(signals: Signals, name: str) -> frozenset[int] | Unknown | None:
    """The registers that a policy names for the TPM's profile; None where it is not set."""
    table = signals.table(name)
    if table is None or isinstance(table, Unknown):
        return table
    pcrs = {pcr: number(table[str(pcr)]) for pcr in REGISTERS if str(pcr) in table}
    enabled = number(table["Enabled"]) if "Enabled" in table else UNKNOWN
    if enabled == 0 or not table:
        return None
    if enabled != 1 or UNKNOWN in pcrs.values():
        return UNKNOWN
    return frozenset(pcr for pcr, value in pcrs.items() if value == 1)


def secure_boot(signals: Signals) -> bool | Unknown:
    """Whether Secure Boot is on; a host without its key has none."""
    table = signals.table(SECURE_BOOT)
    if table is None:
        return False
    value = number(table.get("UEFISecureBootEnabled")) if isinstance(table, Mapping) else UNKNOWN
    return bool(value) if value in (0, 1) else UNKNOWN


def binding(signals: Signals) -> int | Unknown:
    """What Windows says of binding the key to PCR 7: one of BINDINGS."""
    found = number(signals.value(BINDING))
    return found if found in BINDINGS else UNKNOWN


def _times(count: int) -> str:
    return "1 restart" if count == 1 else f"{count} restarts"


# What known issues of updates depend on


class Fact(NamedTuple):
    """Whether a condition is met, None when nobody knows, and the probes that decide it."""

    met: bool | None
    facts: tuple[str, ...]


def _on(signals: Signals, restarts: int) -> Fact:
    found = volume(signals)
    if isinstance(found, Unknown):
        return Fact(None, (VOLUME,))
    if found is None or not found.protectors or found.suspended(restarts):
        return Fact(False, (VOLUME,))
    counted = isinstance(found.suspended_for, int)
    return Fact(True if found.protection == ON or counted else None, (VOLUME,))


def _policy_names_7(signals: Signals, _restarts: int) -> Fact:
    chosen = [policy(signals, name) for name in POLICIES]
    if any(isinstance(pcrs, frozenset) and SECURE_BOOT_PCR in pcrs for pcrs in chosen):
        return Fact(True, tuple(POLICIES))
    return Fact(None if UNKNOWN in chosen else False, tuple(POLICIES))


def _binding_not_possible(signals: Signals, _restarts: int) -> Fact:
    # That a policy forbids it may be shown as not possible too.
    met = {NOT_POSSIBLE: True, POSSIBLE: False, BOUND: False}
    state = binding(signals)
    return Fact(met.get(state) if isinstance(state, int) else None, (BINDING,))


def _servicing(signals: Signals, met: Mapping[int, bool]) -> Fact:
    """By the state of the certificate of 2023: 0 not known to the firmware, 1 known, 2 the boot manager of 2023 is in use."""
    table = signals.table(SERVICING)
    value = number(table.get("WindowsUEFICA2023Capable")) if isinstance(table, Mapping) else UNKNOWN
    return Fact(met.get(value) if isinstance(value, int) else None, (SERVICING,))


CONDITIONS: dict[str, Callable[[Signals, int], Fact]] = {
    "bitlocker_on": _on,
    "bitlocker_pcr7_policy": _policy_names_7,
    "bitlocker_pcr7_binding_not_possible": _binding_not_possible,
    "uefi_ca_2023_in_db": lambda signals, _restarts: _servicing(signals, {0: False, 1: True, 2: True}),
    "boot_manager_2023_not_in_use": lambda signals, _restarts: _servicing(signals, {0: True, 1: True, 2: False}),
}


# Suspending it for a restart


class Proof(NamedTuple):
    """Whether protection is as it has to be, and in words what it is."""

    ok: bool
    words: str


def suspended(answer: Mapping[str, Any] | None, restarts: int) -> Proof:
    """Whether windows_bitlocker has suspended protection, by its answer."""
    now = _state(answer, "after")
    if now is not None and now.suspended(restarts):
        return Proof(True, f"BitLocker is suspended for {_times(restarts)}.")
    return Proof(False, f"BitLocker could not be suspended ({_why(answer)}), so the host is not restarted.")


def resumed(answer: Mapping[str, Any] | None) -> Proof:
    """Whether protection is on again, by the answer of windows_bitlocker."""
    before, now = _state(answer, "before"), _state(answer, "after")
    if now is not None and now.protection == ON:
        by = "by Windows itself" if before is not None and before.protection == ON else "because it was resumed"
        return Proof(True, f"BitLocker protects the system volume again, {by}.")
    words = (
        "BITLOCKER IS STILL SUSPENDED" if now is not None else "WHETHER BITLOCKER PROTECTS THE HOST AGAIN IS NOT KNOWN"
    )
    return Proof(False, f"{words} ({_why(answer)}). Resume it: Resume-BitLocker -MountPoint $env:SystemDrive.")


def _state(answer: Mapping[str, Any] | None, when: str) -> Volume | None:
    probe = (answer or {}).get(when)
    value = probe.get("value") if isinstance(probe, Mapping) and probe.get("ok") is True else None
    protection = number(value.get("protection")) if isinstance(value, Mapping) else UNKNOWN
    if not isinstance(value, Mapping) or protection not in (OFF, ON) or isinstance(protection, Unknown):
        return None
    return Volume(protection, (), number(value.get("suspended_for")))


def _why(answer: Mapping[str, Any] | None) -> str:
    told = Signals(answer)
    for probe in ("change", "after"):
        if told.value(probe) is UNKNOWN:
            return told.numbered(probe) if answer and probe in answer else "no answer"
    return "Windows says that it did it, and it is not so"
