# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated hosts through unmodified clients: pywinrm, ansible-playbook, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import winrm
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from conftest import HERE, Run, simfleet
from fleet import cli, executors, fast, faults, model, payload, pwsh, restart, server, tls, worlds
from fleet.host import REBOOT_PENDING, VERSION, Host
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WSManFaultError

LIBRARY = HERE / "worlds"
NAME = "s25-arc-on-track"
WORLDS = worlds.load(LIBRARY, [NAME, "s25-cbs-pending"])
OFFERS = [
    {"id": "u1", "title": "Cumulative Update (KB5122871)", "kb": "KB5122871", "categories": ["Security Updates"]},
    {"id": "u2", "title": "Defender (KB2267602)", "kb": "KB2267602", "categories": ["Definition Updates"]},
]
OFFERS[0]["restart"] = "always"


@contextlib.asynccontextmanager
async def serving(
    given: list[dict[str, Any]] | None = None, *, executor: server.Executor | None = None, **world: Any
) -> AsyncIterator[Host]:
    """One host that is served."""
    host = Host("host", {**WORLDS[NAME], **world}, faults.HostFaults(given or []), time_scale=0.01)
    serve = server.Server([host], executor or executors.Fast())
    await serve.start()
    try:
        yield host
    finally:
        await serve.stop()


def session(host: Host, password: str = "sim") -> winrm.Session:
    """pywinrm's session with a host."""
    endpoint = f"http://127.0.0.1:{host.port}/wsman"
    times = {"operation_timeout_sec": 1, "read_timeout_sec": 3}
    return winrm.Session(endpoint, auth=("sim", password), transport="basic", **times)


async def said(host: Host, script: str) -> tuple[int, str, str]:
    """What PowerShell says to a script."""
    answer = await asyncio.to_thread(session(host).run_ps, script)
    return answer.status_code, answer.std_out.decode(), answer.std_err.decode()


def test_pywinrm_runs_commands() -> None:
    async def main() -> None:
        async with serving() as host:
            answer = await asyncio.to_thread(session(host).run_cmd, "whoami")
            assert (answer.status_code, answer.std_out) == (0, b"HOST\\sim\r\n")
            assert await said(host, "$env:COMPUTERNAME") == (0, "HOST\r\n", "")
            code, _out, err = await said(host, "Get-Nonsense")
            assert code == 1
            assert "this command is not simulated: Get-Nonsense" in err
            assert host.shells == {}
            assert host.counters.shells == 3

    asyncio.run(main())


def test_only_the_loopback_is_bound() -> None:
    async def main() -> None:
        async with serving() as host:
            assert host.socket.getsockname() == ("127.0.0.1", host.port)

    asyncio.run(main())


def test_wrong_password() -> None:
    async def main() -> None:
        async with serving() as host:
            with pytest.raises(InvalidCredentialsError):
                await asyncio.to_thread(session(host, "wrong").run_cmd, "whoami")

    asyncio.run(main())


def test_command_that_takes_longer_than_the_operation_timeout() -> None:
    async def main() -> None:
        async with serving() as host:
            protocol = session(host).protocol

            def ask() -> None:
                shell = protocol.open_shell()
                # It waits for input that never comes.
                command = protocol.run_command(shell, "whoami", console_mode_stdin=False)
                with pytest.raises(WinRMOperationTimeoutError):
                    protocol.get_command_output_raw(shell, command)
                protocol.cleanup_command(shell, command)
                protocol.close_shell(shell)

            await asyncio.to_thread(ask)

    asyncio.run(main())


def test_shell_and_command_that_are_not_there() -> None:
    async def main() -> None:
        async with serving() as host:
            protocol = session(host).protocol

            def ask() -> list[int]:
                shell = protocol.open_shell()
                codes = []
                with pytest.raises(WSManFaultError) as caught:
                    protocol.get_command_output_raw(shell, "NO-SUCH-COMMAND")
                codes.append(caught.value.wsman_fault_code)
                protocol.close_shell(shell)
                with pytest.raises(WSManFaultError) as caught:
                    protocol.run_command(shell, "whoami")
                return [*codes, caught.value.wsman_fault_code]

            codes = await asyncio.to_thread(ask)
            assert [int(code) for code in codes] == [server.COMMAND_NOT_FOUND, server.SHELL_NOT_FOUND]

    asyncio.run(main())


def test_long_output_comes_in_several_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    output = os.urandom(3 * server.CHUNK - 5)
    monkeypatch.setattr(model, "command", lambda *_arguments: (7, output, b"trouble"))

    async def main() -> None:
        async with serving() as host:
            answer = await asyncio.to_thread(session(host).run_cmd, "anything")
            assert (answer.status_code, answer.std_out, answer.std_err) == (7, output, b"trouble")
            # Create, Command, four Receives, Signal, Delete.
            assert host.counters.requests == 8

    asyncio.run(main())


AUTHORIZED = "Authorization: Basic " + base64.b64encode(b"sim:sim").decode()


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"GET /wsman HTTP/1.1\r\n{AUTHORIZED}\r\n\r\n", 404),
        (f"POST /other HTTP/1.1\r\n{AUTHORIZED}\r\n\r\n", 404),
        ("POST /wsman HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 401),
        (f"POST /wsman HTTP/1.1\r\n{AUTHORIZED}\r\nContent-Length: 3\r\n\r\n<a>", 500),
        (f"POST /wsman HTTP/1.1\r\n{AUTHORIZED}\r\nContent-Length: 4\r\n\r\n<a/>", 500),
        (f"POST /wsman HTTP/1.1\r\n{AUTHORIZED}\r\nContent-Length: 99999999\r\n\r\n", 413),
        (f"POST /wsman HTTP/1.1\r\n{AUTHORIZED}\r\nContent-Length: x\r\n\r\n", 413),
    ],
)
def test_bad_requests(request_text: str, status: int) -> None:
    async def main() -> None:
        async with serving() as host:
            reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
            writer.write(request_text.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert int(head.split()[1]) == status
            writer.close()
            # The host still answers others.
            assert (await said(host, "hostname"))[0] == 0

    asyncio.run(main())


SHUTDOWN = r"C:\Windows\System32\shutdown.exe /r /t 0"


def test_restart_changes_the_boot_time_and_clears_what_waits_for_it() -> None:
    pending = WORLDS["s25-cbs-pending"]["registry"] | {
        r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager": {"PendingFileRenameOperations": ["a", ""], "X": 1}
    }

    async def main() -> None:
        agent = {"reboot_required": True, "reboot_required_before_installation": True}
        async with serving(registry=pending, update_agent=agent) as host:
            port, before = host.port, (await said(host, "(Get-CimInstance Win32_OperatingSystem).LastBootUpTime"))[1]
            old = session(host).protocol
            shell = await asyncio.to_thread(old.open_shell)
            assert json.loads((await said(host, SHUTDOWN))[1])["rc"] == 0
            assert json.loads((await said(host, SHUTDOWN))[1])["rc"] == 1190
            await host.settled()
            assert host.port == port
            after = (await said(host, "(Get-CimInstance Win32_OperatingSystem).LastBootUpTime"))[1]
            assert int(after) > int(before)
            with pytest.raises(WSManFaultError):
                await asyncio.to_thread(old.run_command, shell, "whoami")
            assert REBOOT_PENDING not in host.state["registry"]
            assert host.state["registry"][r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"] == {"X": 1}
            assert set(host.state["update_agent"].values()) == {False}
            assert host.state["boot"] < host.state["clock"]
            assert host.counters.restarts == 1
            (gone,) = host.counters.out_of_service
            assert gone["reason"] == "restart"
            assert gone["from"] < gone["to"]

    asyncio.run(main())


def test_a_restart_takes_every_mark_away_that_windows_takes_away_and_no_other() -> None:
    """By the core: what waits before a restart, after it, and after one of a host that keeps a mark."""
    microsoft, system = r"HKLM\SOFTWARE\Microsoft", r"HKLM\SYSTEM\CurrentControlSet"
    current, names = rf"{microsoft}\Windows\CurrentVersion", rf"{system}\Control\ComputerName"
    cbs, parameters = rf"{current}\Component Based Servicing", rf"{system}\Services\Tcpip\Parameters"
    answers = {
        "ReturnValue": 0,
        "RebootPending": True,
        "IsHardRebootPending": False,
        "RebootDeadline": "2026-09-21T01:00:00Z",
    }
    world = {
        "clock": "2026-09-20T12:00:00Z",
        "judged_at": "2026-09-20T11:00:00Z",
        "logon": "local",
        "registry": {
            **{rf"{cbs}\{name}": {} for name in ("RebootPending", "PackagesPending")},
            rf"{current}\WindowsUpdate\Auto Update\RebootRequired": {"a": 1},
            rf"{microsoft}\WindowsUpdate\UX\StateVariables": {"RebootRequired": 1, "Other": 2},
            rf"{microsoft}\ServerManager": {"CurrentRebootAttempts": 1},
            rf"{microsoft}\ServerManager\ServicingStorage\ServerComponentCache": {"RestartRequired": 1},
            rf"{microsoft}\Updates": {"UpdateExeVolatile": 1},
            rf"{microsoft}\SMS\Mobile Client\Reboot Management\RebootData": {"RebootBy": 1},
            rf"{current}\RunOnce": {"DVDRebootSignal": 1},
            rf"{names}\ActiveComputerName": {"ComputerName": "OLD"},
            rf"{names}\ComputerName": {"ComputerName": "NEW"},
            parameters: {"Hostname": "old", "NV Hostname": "new"},
            rf"{system}\Services\Netlogon\JoinDomain": {},
            rf"{system}\Control\Session Manager": {"PendingFileRenameOperations2": [r"*1\??\C:\a", r"!\??\C:\b"]},
        },
        "files": [r"C:\a"],
        "cim_methods": {
            "root/ccm/ClientSDK": {"CCM_ClientUtilities": {"DetermineIfRebootPending": answers}},
            "root/Microsoft/Windows/DesiredStateConfiguration": {
                "MSFT_DSCLocalConfigurationManager": {
                    "GetMetaConfiguration": {"MetaConfiguration": {"LCMState": "PendingReboot"}}
                }
            },
        },
        "update_agent": {"reboot_required": True, "reboot_required_before_installation": True},
    }

    def waiting(state: dict[str, Any]) -> list[str]:
        answer = pending_reboot.pending_restart(fast.signals(state, {}), pending_reboot.CLASSES)
        return [str(reason["source"]) for reason in answer["reasons"]]

    def restarted(**reboot: Any) -> dict[str, Any]:
        made = Host("host", {**world, "reboot": reboot})
        made.booted()
        made.socket.close()
        return made.state

    every = [source.probe for source in pending_reboot.SOURCES if source.probe != "cbs_reboot_in_progress"]
    assert waiting(world) == every
    assert set(every) - {"cbs_packages_pending", "server_manager_attempts", "dvd_reboot_signal"} == set(
        restart.MARKS
    ) - {"update_screen"}
    after = restarted()
    assert waiting(after) == ["cbs_packages_pending", "server_manager_attempts", "dvd_reboot_signal"]
    assert after["registry"][parameters] == {"Hostname": "new", "NV Hostname": "new"}
    assert after["registry"][rf"{microsoft}\WindowsUpdate\UX\StateVariables"] == {"Other": 2}
    assert answers["RebootPending"], "the world that was given stays as it is"
    assert (after["clock"], after["judged_at"]) == ("2026-09-20T12:03:00Z", "2026-09-20T11:03:00Z")
    kept = waiting(restarted(keeps=["agent_reboot_required", "domain_join"]))
    assert set(kept) - set(waiting(after)) == {"agent_reboot_required", "domain_join"}


def test_a_host_name_that_differs_from_the_active_name_for_good() -> None:
    """Case stale-mark: a restart gives both names what is configured, and these two differ."""
    parameters = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    state = worlds.merge(
        WORLDS["s25-arc-on-track"], {"registry": {parameters: {"Hostname": "srv01-old", "NV Hostname": "srv01-old"}}}
    )
    before = fast.signals(state, {})["computer_name"]["value"]
    restart.carry_out(state)
    assert fast.signals(state, {})["computer_name"]["value"] == before


def test_port_stays_reserved_and_refuses_while_the_host_is_down() -> None:
    async def main() -> None:
        async with serving() as host:
            host.down("test")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", host.port)
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", host.port))

    asyncio.run(main())


def test_restart_that_is_refused_or_aborted() -> None:
    async def main() -> None:
        async with serving(reboot={"refuses": True}) as host:
            assert json.loads((await said(host, SHUTDOWN))[1])["rc"] == 5
        async with serving() as host:
            assert (await said(host, "shutdown.exe /a"))[0] == 1116
            await said(host, SHUTDOWN.replace("/t 0", "/t 99999"))
            assert (await said(host, "shutdown.exe /a"))[0] == 0
            assert json.loads((await said(host, SHUTDOWN))[1])["rc"] == 0

    asyncio.run(main())


def encoded(script: str) -> str:
    """A PowerShell command line."""
    return "PowerShell -NoProfile -EncodedCommand " + base64.b64encode(script.encode("utf-16-le")).decode()


def test_nested_encoded_commands() -> None:
    assert payload.script_of(encoded("a")) == "a"
    assert payload.script_of(encoded(encoded(encoded("a")) + "; exit 1")) == "a"
    assert payload.script_of("whoami") is None
    with pytest.raises(payload.PayloadError):
        payload.script_of("powershell -EncodedCommand A")


def test_payloads_of_every_shape() -> None:
    old = (
        b"text\0\0\0\0"
        + json.dumps(
            {
                "module_args": {"_ansible_module_name": "ansible.windows.win_ping", "data": "x"},
                "actions": ["async_wrapper", "module_wrapper"],
            }
        ).encode()
    )
    run = payload.parse(old)
    assert (run.kind, run.name, run.wrappers, run.arguments["data"]) == (
        "module",
        "ansible.windows.win_ping",
        ("async_wrapper",),
        "x",
    )
    assert payload.parse(b"no payload") is None
    for broken in (
        b"{}\0\0\0\0nonsense",
        b'{}\n\0\0\0\0\n{"actions": []}',
        b'{"params": {"DecompressInput": true}}\n\0\0\0\0\nnonsense',
    ):
        with pytest.raises(payload.PayloadError):
            payload.parse(broken)


def test_compressed_payload_of_2_22() -> None:
    action = {
        "name": "module_wrapper.ps1",
        "params": {"Script": "ansible_collections.ansible.windows.plugins.modules.win_ping.ps1", "ForModule": True},
    }
    action["params"]["ArgumentJSON"] = json.dumps({"data": "x"})
    manifest = {"scripts": {}, "actions": [{"name": "become_wrapper.ps1", "params": {}}, action]}
    boot = {"params": {"DecompressInput": True, "MinOSVersion": "10.0", "PwshPath": None}}
    packed = base64.b64encode(gzip.compress(json.dumps(manifest).encode()))
    stdin = json.dumps(boot).encode() + b"\n\0\0\0\0\n" + packed + b"\n\0\0\0\0\nmore"
    run = payload.parse(stdin)
    assert run is not None
    assert (run.name, run.arguments, run.wrappers, run.extra) == (
        "ansible.windows.win_ping",
        {"data": "x"},
        ("become_wrapper",),
        b"more",
    )
    # With the fake Windows put in it is sent on as it would be read, so its head says that nothing is compressed.
    injected, taken = pwsh.inject(stdin)
    head, body, data = injected.split(payload.SEPARATOR)
    assert json.loads(head)["params"]["DecompressInput"] is False
    assert json.loads(body)["actions"][0]["params"]["PowerShellModules"] == ["Sim.Shim.psm1"]
    assert [each["name"] for each in taken] == ["become_wrapper.ps1"]
    assert data == b"\nmore"


def updates(host: Host, **arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run of win_updates as its action plugin makes it: filtered reasons by id, and the end."""
    for operation in ("start", "poll", "cancel"):
        given = {**arguments, "_operation": operation}
        _code, out, _err = model.answer(host, payload.Payload("module", "ansible.windows.win_updates", given))
        if operation == "poll":
            output = json.loads(out)["output"]
    return {each["id"]: each["reasons"] for each in output[0]["result"]["filtered"]}, output[-1]["result"]


@pytest.mark.parametrize(
    ("arguments", "filtered", "changed"),
    [
        ({}, {"u2": ["category_names"]}, True),
        ({"category_names": ["*"]}, {}, True),
        ({"category_names": ["*"], "accept_list": ["KB226"]}, {"u1": ["accept_list"]}, True),
        (
            {"category_names": ["DefinitionUpdates"], "reject_list": ["Defender"]},
            {"u1": ["category_names"], "u2": ["reject_list"]},
            False,
        ),
        ({"state": "searched"}, {"u2": ["category_names"]}, False),
    ],
)
def test_win_updates_chooses_as_the_module_does(
    arguments: dict[str, Any], filtered: dict[str, Any], changed: bool
) -> None:
    found, end = updates(Host("host", {**WORLDS[NAME], "offers": OFFERS}), **arguments)
    assert found == filtered
    assert end["changed"] is changed


def test_win_updates_leaves_the_marks_of_a_pending_restart() -> None:
    host = Host("host", {**WORLDS[NAME], "offers": OFFERS})
    for harmless in ({"_ansible_check_mode": True}, {"state": "downloaded"}):
        assert updates(host, **harmless)[1]["reboot_required"] is False
        assert len(host.state["offers"]) == 2
    assert updates(host)[1] == {"changed": True, "reboot_required": True, "failed": False}
    assert [offer["id"] for offer in host.state["offers"]] == ["u2"]
    assert host.state["hotfixes"][-1] == {"kb": "KB5122871", "installed_on": "9/20/2026"}
    assert REBOOT_PENDING in host.state["registry"]
    assert updates(host)[1]["changed"] is False


UPDATES = """
- hosts: windows
  gather_facts: false
  strategy: free
  tasks:
    - block:
        - ansible.windows.win_updates: {category_names: ['*'], accept_list: [KB51], reboot: false}
          timeout: 6
          register: answer
        - ansible.windows.win_reboot:
          when: answer.reboot_required
      rescue:
        - ansible.builtin.debug: {msg: "SAID {{ inventory_hostname }} {{ answer.msg }}"}
"""
HOTPATCH = {
    "id": "h1",
    "title": "Hotpatch",
    "kb": "KB5130001",
    "categories": ["Security Updates"],
    "build": "26100.33500",
}
# update agent, offer, what win_updates says in the end, build at the end
ENDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, int]] = {
    "good": ({}, {}, "", 33500),
    "slow": ({"install_seconds": 2}, {}, "", 33500),
    "cold": ({}, {"restart": "always"}, "", 33500),
    "busy": (
        {"busy": True},
        {},
        "while another installation was in progress .*WU_E_INSTALL_NOT_ALLOWED 0x80240016",
        33438,
    ),
    "search": ({"search": {"fails": 0x8024402C}}, {}, "Searching for updates: .*0x8024402C", 33438),
    "broken": ({}, {"fails": {"stage": "install", "hresult": 0x80070643}}, "Failed to install all updates", 33438),
    "waits": ({"reboot_required": True}, {}, "A reboot is required before more updates", 33438),
    "hangs": ({"install_hangs": True}, {}, "Timed out|timed out|Timeout", 33438),
    "cut": ({"install_seconds": 1}, {}, "Connection aborted", 33500),
}


def test_win_updates_through_its_action_plugin(tmp_path: Path) -> None:
    found = {
        name: {**WORLDS[NAME], "update_agent": dict(agent), "offers": [{**HOTPATCH, **offer}]}
        for name, (agent, offer, _said, _build) in ENDS.items()
    }
    cli.save_worlds(tmp_path / "before", found)
    (tmp_path / "faults.yml").write_text(
        yaml.safe_dump({"cut": [{"kind": "cut", "when": {"module": "win_updates", "nth": 2}}]})
    )
    (tmp_path / "play.yml").write_text(UPDATES)
    options = (
        "--faults",
        str(tmp_path / "faults.yml"),
        "--save-worlds",
        str(tmp_path / "after"),
        "--time-scale",
        "0.5",
    )
    command = ["ansible-playbook", "-f", "9", "play.yml"]
    run = simfleet(command, tmp_path, worlds=tmp_path / "before", executor="fast", options=options)
    after = worlds.load(tmp_path / "after")
    assert after.keys() == ENDS.keys()
    for name, (_agent, _offer, text, build) in ENDS.items():
        said = re.search(rf"SAID {name} (.*)", run.output)
        assert bool(said) is bool(text), (name, run.output)
        assert not said or re.search(text, said[1]), said[1]
        version = after[name]["registry"][VERSION]
        assert (version["CurrentBuild"], version["UBR"]) == ("26100", build), name
        asked = run.counters["hosts"][name]["updates_asked"]
        assert [one["accept_list"] for one in asked] == [["KB51"]]
        assert run.counters["hosts"][name]["updates_installed"] == (["h1"] if build == 33500 else [])
    assert {name for name in ENDS if run.counters["hosts"][name]["restarts"]} == {"cold"}
    assert after["cold"]["boot"] > found["cold"]["boot"]
    assert "expect" not in after["good"]
    assert [name for name in ENDS if after[name]["update_agent"].get("busy")] == ["busy", "hangs"]


def test_worlds_that_cannot_be_saved(fleet: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = fleet("true", options=("--save-worlds", str(tmp_path / "file"))).check(2)
    assert "--save-worlds" in run.output
    assert run.counters == {}


def test_fast_executor_answers_only_the_collector() -> None:
    host = Host("host", WORLDS[NAME])

    def ask(name: str, **arguments: Any) -> dict[str, Any]:
        run = payload.Payload("module", f"rebootless.patching.{name}", arguments, ("become_wrapper",))
        return json.loads(asyncio.run(executors.Fast().run(host, run, "", b"", 1))[1])

    answer = ask("windows_signals_info", gather_subset="os, pending")
    assert answer["schema"] == 1
    assert answer["signals"]["edition_id"]["value"] == "ServerStandard"
    # With become the update agent answers.
    assert answer["signals"]["agent_reboot_required"] == {"ok": True, "value": False, "error": None}
    assert "vbs_running" not in answer["signals"]
    assert "bogus" in ask("windows_signals_info", gather_subset="bogus")["msg"]
    assert "the fast executor only answers" in ask("other")["msg"]


def test_choice_of_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwsh, "find_pwsh", lambda: None)
    assert executors.choose("fast", 1).notice == ""
    chosen = executors.choose(None, 1)
    assert chosen.name == "fast"
    assert "no pwsh" in chosen.notice
    with pytest.raises(executors.ExecutorError, match="no pwsh"):
        executors.choose("powershell", 1)


def test_certificate_is_good_for_the_loopback_alone(tmp_path: Path) -> None:
    trust = tls.make(tmp_path)

    async def main() -> None:
        host = Host("host", WORLDS[NAME])
        serve = server.Server([host], executors.Fast(), tls=tls.context(tmp_path))
        await serve.start()
        try:
            endpoint = f"https://127.0.0.1:{host.port}/wsman"
            good = winrm.Session(endpoint, auth=("sim", "sim"), transport="basic", ca_trust_path=str(trust))
            assert (await asyncio.to_thread(good.run_cmd, "hostname")).std_out == b"HOST\r\n"
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("127.0.0.1", host.port, ssl=ssl.create_default_context())
        finally:
            await serve.stop()

    asyncio.run(main())


PLAY = r"""
- hosts: windows
  gather_facts: true
  tasks:
    - ansible.builtin.assert:
        that:
          - ansible_facts.os_family == 'Windows'
          - ansible_facts.distribution == 'Windows Server 2025 Standard'
          - ansible_facts.hostname == inventory_hostname | upper
    - ansible.windows.win_ping: {data: hello}
      register: answer
      failed_when: answer.ping != 'hello'
    - ansible.builtin.raw: whoami
      register: answer
      failed_when: "'sim' not in answer.stdout"
    - ansible.windows.win_service_info: {name: himds}
      register: answer
      failed_when: answer.services[0].state != 'started' or answer.services[0].start_mode != 'auto'
    - ansible.windows.win_updates: {category_names: ['*'], reboot: false}
      register: answer
      failed_when: answer.installed_update_count != 1 or answer.reboot_required or not answer.changed
    - ansible.windows.win_updates: {category_names: ['*'], reboot: false}
      register: answer
      failed_when: answer.found_update_count != 0 or answer.changed
    - ansible.windows.win_feature: {name: x}
      register: answer
      failed_when: "'does not simulate this module' not in answer.msg"
    - ansible.windows.win_ping:
      async: 10
      poll: 1
      register: answer
      failed_when: "'does not simulate ansible-core' not in answer.msg"
    - ansible.windows.win_ping:
      become: true
      become_method: ansible.builtin.runas
      become_user: System
    - ansible.windows.win_template: {src: '{{ playbook_dir }}/faults.yml', dest: 'C:\x.yml'}
      register: answer
      failed_when: "'win_copy: simfleet does not simulate this module' not in answer.msg"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Callable[..., Run]:
    """`fleet(command, *options, faults=…, play=…)` on one world, with the fast executor."""

    def run(*command: str, options: tuple[str, ...] = (), given: dict[str, Any] | None = None, play: str = "") -> Run:
        (tmp_path / "faults.yml").write_text(yaml.safe_dump(given or {}))
        (tmp_path / "play.yml").write_text(play)
        chosen = ("--only", NAME, "--faults", str(tmp_path / "faults.yml"), *options)
        return simfleet(list(command), tmp_path, worlds=LIBRARY, executor="fast", options=chosen)

    return run


def test_playbook_with_the_modules_that_are_modelled(fleet: Callable[..., Run]) -> None:
    run = fleet("ansible-playbook", "play.yml", play=PLAY).check()
    counters = run.counters["hosts"][NAME]
    assert counters["module_runs"] == {
        "ansible.windows.setup": 1,
        "ansible.windows.win_ping": 3,
        "ansible.windows.win_service_info": 1,
        "ansible.windows.win_updates": 6,
        "ansible.windows.win_feature": 1,
        "ansible.windows.win_copy": 1,
    }
    assert counters["commands"]["raw"] == 1
    assert counters["bytes_in"] + counters["bytes_out"] == sum(counters["bytes_by_module"].values())


def test_collector_and_win_ping_cost_the_same_requests(fleet: Callable[..., Run]) -> None:
    play = "- {hosts: windows, gather_facts: false, tasks: [ansible.windows.win_ping: , rebootless.patching.windows_signals_info: ]}"
    counters = fleet("ansible-playbook", "play.yml", play=play).check().counters["hosts"][NAME]
    assert counters["requests_by_module"] == {
        "ansible.windows.win_ping": 6,
        "rebootless.patching.windows_signals_info": pytest.approx(7, abs=1),
    }
    assert (counters["connections"], counters["shells"], counters["faults"]) == (2, 2, {})


REBOOT = """
- hosts: windows
  gather_facts: false
  strategy: free
  tasks:
    - ansible.windows.win_reboot: {reboot_timeout: "{{ 3 if 'never' in fate else 60 }}"}
      vars: {fate: "{{ {'1': 'plain', '2': 'slow', '3': 'never', '4': 'refused'}[inventory_hostname[-1]] }}"}
"""


def test_win_reboot(fleet: Callable[..., Run]) -> None:
    given = {"*-002": [{"kind": "slow_boot", "seconds": 30}], "*-003": [{"kind": "never_back"}]}
    options = ("--copies", "3", "--time-scale", "0.05")
    run = fleet("ansible-playbook", "-f", "3", "play.yml", play=REBOOT, given=given, options=options).check(2)
    assert re.search(rf"{NAME}-003.*Timed out waiting for last boot time check", run.output)
    assert {number: recap(run, f"{NAME}-00{number}") for number in (1, 2, 3)} == {
        1: "changed",
        2: "changed",
        3: "failed",
    }
    hosts = [run.counters["hosts"][f"{NAME}-00{number}"] for number in (1, 2, 3)]
    assert [host["restarts"] for host in hosts] == [1, 1, 1]
    assert [host["faults"] for host in hosts] == [{}, {"slow_boot": 1}, {"never_back": 1}]
    gone = [host["out_of_service"][0] for host in hosts]
    assert gone[1]["to"] - gone[1]["from"] >= 1.5
    assert (gone[2]["to"], gone[2]["reason"]) == (None, "never_back")


def recap(run: Run, host: str) -> str:
    """How a host ended, from ansible-playbook's recap."""
    line = re.search(rf"^{host} +: (.*)$", run.output, re.M)
    assert line is not None, run.output
    counts = dict(pair.split("=") for pair in line[1].split())
    return next((state for state in ("unreachable", "failed", "changed", "ok") if counts[state] != "0"), "nothing")


# kind, when and for how long; how ansible-playbook ends with the host; what it says of it
OUTCOMES: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "refused"}, "unreachable", "Connection refused"),
    ({"kind": "refused", "when": {"module": "win_ping"}}, "failed", "Connection refused"),
    ({"kind": "cut"}, "failed", "Connection aborted"),
    ({"kind": "cut", "when": {"module": "ansible.windows.*", "nth": 2}}, "failed", "Connection aborted"),
    ({"kind": "operation_timeout", "seconds": 0.3}, "ok", ""),
    ({"kind": "unauthorized"}, "unreachable", "credentials were rejected"),
    ({"kind": "unauthorized", "when": {"module": "win_ping", "nth": 2}}, "failed", "credentials were rejected"),
    ({"kind": "slow_answer", "seconds": 60}, "unreachable", "Read timed out"),
    ({"kind": "slow_answer", "seconds": 0.5}, "ok", ""),
    ({"kind": "garbled", "when": {"module": "win_ping", "nth": 1}}, "failed", ""),
    ({"kind": "becomes", "world": {"clock": "2026-09-21T12:00:00Z"}}, "ok", ""),
]
PINGS = "- {hosts: windows, gather_facts: false, strategy: free, tasks: [ansible.windows.win_ping: , ansible.windows.win_ping: ]}"


def test_faults_end_as_ansible_reports_them(fleet: Callable[..., Run]) -> None:
    names = [f"{NAME}-{number:03d}" for number in range(1, len(OUTCOMES) + 1)]
    given = {name: [fault] for name, (fault, _end, _text) in zip(names, OUTCOMES, strict=True)}
    options = ("--copies", str(len(OUTCOMES)), "--operation-timeout", "1", "--read-timeout", "2")
    run = fleet("ansible-playbook", "-f", "11", "play.yml", play=PINGS, given=given, options=options).check(4)
    for name, (fault, end, text) in zip(names, OUTCOMES, strict=True):
        assert recap(run, name) == end, fault
        assert re.search(rf"fatal: \[{name}\].*{text}", run.output) or end == "ok", fault
        counters = run.counters["hosts"][name]
        assert counters["faults"][fault["kind"]] >= 1
        if end == "ok":
            assert counters["module_runs"] == {"ansible.windows.win_ping": 2}


def test_wrong_password_in_ansible(fleet: Callable[..., Run]) -> None:
    run = fleet("ansible", "windows", "-m", "ansible.windows.win_ping", "-e", "ansible_password=wrong").check(4)
    assert "UNREACHABLE" in run.output
    assert "the specified credentials were rejected by the server" in run.output


def test_https_in_ansible(fleet: Callable[..., Run]) -> None:
    run = fleet("ansible", "windows", "-m", "ansible.windows.win_ping", options=("--https",)).check()
    assert "SUCCESS" in run.output


def test_inventory(fleet: Callable[..., Run]) -> None:
    run = fleet("ansible-inventory", "--list", options=("--copies", "2", "--https", "--read-timeout", "7")).check()
    inventory = json.loads(run.output[run.output.index("{") :])
    assert inventory["windows"]["hosts"] == [f"{NAME}-001", f"{NAME}-002"]
    host = inventory["_meta"]["hostvars"][f"{NAME}-002"]
    assert (host["rebootless_now"], host["world"]) == ("2026-09-20T12:00:00Z", NAME)
    assert (host["ansible_host"], host["ansible_winrm_scheme"]) == ("127.0.0.1", "https")
    assert host["ansible_winrm_read_timeout_sec"] == 7
    assert "rebootless_azure" not in host


@pytest.mark.parametrize(
    ("command", "status"),
    [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["/no/such"], 127)],
)
def test_exit_status_is_the_commands(fleet: Callable[..., Run], command: list[str], status: int) -> None:
    fleet(*command).check(status)


@pytest.mark.parametrize(
    ("options", "given", "said"),
    [
        (("--only", "s99-*"), {"nobody-*": [{"kind": "cut"}]}, "nobody-*: no such host"),
        (("--copies", "0"), None, "--copies: at least 1"),
        (("--time-scale", "-1"), None, "--time-scale: 0 or more"),
    ],
)
def test_mistakes_on_the_command_line(
    fleet: Callable[..., Run], options: tuple[str, ...], given: dict[str, Any] | None, said: str
) -> None:
    run = fleet("true", options=options, given=given).check(2)
    assert said in run.output
    assert run.counters == {}


STAYING = "cat $ANSIBLE_INVENTORY; sleep 987 & setsid sleep 987 & (trap '' TERM; sleep 987 & wait) & echo ready; wait"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_stays_behind_when_simfleet_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, str(HERE / "simfleet"), "--worlds", str(LIBRARY), "--only", NAME, "--executor", "fast"]
    mark = f"SIMFLEET_TEST_{os.getpid()}_{number.name}"
    environment = {**os.environ, mark: "1", "TMPDIR": str(tmp_path)}
    started = [*command, "--", "sh", "-c", STAYING]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, env=environment) as process:
        lines = iter(process.stdout.readline, "ready\n")
        port = next(int(line.split(":")[1]) for line in lines if "ansible_port" in line)
        process.stdout.readline()
        process.send_signal(number)
        # Standard output ends when the last process that has it is gone.
        process.stdout.read()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert living(mark) == []
    assert list(tmp_path.glob("simfleet-*")) == []


def living(mark: str) -> list[str]:
    """Processes that have `mark` in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in entry.read_bytes():
                found.append(entry.parent.joinpath("cmdline").read_text())
    return found


def test_launcher_changes_to_a_python_that_can() -> None:
    # -S hides the packages of the environment.
    command = [sys.executable, "-S", str(HERE / "simfleet"), "--help"]
    made = HERE.parent.parent / ".venv" / "main" / "bin" / "python"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.exists():
        assert done.returncode == 0
        assert done.stdout.startswith("usage: simfleet")
    else:
        assert "make env-run" in done.stderr
