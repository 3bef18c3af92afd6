# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management and its remote shell (WinRS) on the loopback, one port per host, for unmodified clients."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
import ssl
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol
from xml.sax.saxutils import escape, quoteattr

from . import model, payload
from .host import LOOPBACK, Host

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
}
WSMAN_FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
SHELL_URI = NS["rsp"] + "/cmd"
XMLNS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
SOAP = "application/soap+xml;charset=UTF-8"
OPERATION_TIMEOUT, SHELL_NOT_FOUND, COMMAND_NOT_FOUND = 2150858793, 2150858843, 2150859174
UNSUPPORTED, MALFORMED = 2150858817, 2150858752
# A real service splits long output, as its envelopes are limited.
CHUNK = 96 * 1024
LARGEST_BODY = 4 * 2**20
OWN = "rebootless.patching."
MODULE_TIMEOUT = 600.0
GARBAGE = b'\x00\xff<Objs Version="1.1.0.1">{"changed": fal'


class Executor(Protocol):
    """What runs the collection's own modules."""

    async def run(
        self, host: Host, run: payload.Payload, script: str, stdin: bytes, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Exit code, standard output, standard error."""

    async def close(self) -> None:
        """End what was started."""


class SoapFault(Exception):
    """An answer that is a WS-Management fault."""

    def __init__(self, code: int, reason: str, subcode: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.subcode = code, reason, subcode

    def xml(self) -> str:
        """The body of the answer."""
        text = escape(self.reason)
        return (
            f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{self.subcode}</s:Value></s:Subcode>"
            f'</s:Code><s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
            f'<f:WSManFault xmlns:f="{WSMAN_FAULT}" Code="{self.code}" Machine="{LOOPBACK}">'
            f"<f:Message>{text}</f:Message></f:WSManFault></s:Detail></s:Fault>"
        )


class CutError(ConnectionError):
    """The connection is to be cut instead of an answer."""


class Command:
    """One command in a shell."""

    def __init__(self, line: str, waits_for_input: bool) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.line = line
        self.stdin = bytearray()
        self.stdin_closed = asyncio.Event()
        if not waits_for_input:
            self.stdin_closed.set()
        self.output: list[tuple[str, bytes]] = []
        self.code: int | None = None
        self.done = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.cut = False
        self.garbled = False
        self.timeouts_until: float | None = None
        self.silent_until: float | None = None

    def finish(self, code: int, out: bytes, err: bytes) -> None:
        """The command has ended."""
        for stream, data in (("stdout", out), ("stderr", err)):
            self.output += [(stream, data[at : at + CHUNK]) for at in range(0, len(data), CHUNK)]
        if self.garbled:
            # Neither JSON nor the exit code that goes with it.
            self.output = [("stdout", GARBAGE)]
        self.code = code
        self.done.set()


class Shell:
    """A remote shell, and whose requests its traffic is counted for."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.commands: dict[str, Command] = {}
        self.module: str | None = None
        self.unclaimed = [0, 0]

    def stop(self) -> None:
        """End every command."""
        for command in self.commands.values():
            if command.task is not None:
                command.task.cancel()

    def count(self, host: Host, size: int) -> None:
        """Count a request for the shell's module; what came before the module was known is counted with it."""
        self.unclaimed[0] += 1
        self.unclaimed[1] += size
        if self.module is not None:
            host.counters.requests_by_module[self.module] += self.unclaimed[0]
            host.counters.bytes_by_module[self.module] += self.unclaimed[1]
            self.unclaimed = [0, 0]


class Request:
    """A WS-Management request, as far as it is looked at."""

    def __init__(self, body: bytes) -> None:
        try:
            root = ET.fromstring(body)
        except ET.ParseError as error:
            raise SoapFault(MALFORMED, f"The request is not XML: {error}", "w:SchemaValidationError") from error
        header, content = root.find("s:Header", NS), root.find("s:Body", NS)
        if header is None or content is None:
            raise SoapFault(MALFORMED, "The request is no SOAP envelope.", "w:SchemaValidationError")
        self.header, self.body = header, content
        self.action = header.findtext("a:Action", "", NS)
        self.verb = self.action.rpartition("/")[2]
        self.id = header.findtext("a:MessageID", "", NS)
        self.options = {option.get("Name"): option.text for option in header.findall("w:OptionSet/w:Option", NS)}
        seconds = re.fullmatch(r"PT([0-9.]+)S", header.findtext("w:OperationTimeout", "PT60S", NS))
        self.timeout = float(seconds[1]) if seconds else 60.0
        selectors = header.findall("w:SelectorSet/w:Selector", NS)
        self.shell = next((s.text or "" for s in selectors if s.get("Name") == "ShellId"), "").upper()

    def part(self, path: str) -> ET.Element:
        """An element of the body, which must be there."""
        found = self.body.find(path, NS)
        if found is None:
            raise SoapFault(MALFORMED, f"{self.verb} without {path}.", "w:SchemaValidationError")
        return found


Operation = Callable[[Host, Shell, Request], Awaitable[str]]


class Server:
    """All hosts of a fleet, served in one event loop."""

    def __init__(
        self,
        hosts: Iterable[Host],
        executor: Executor,
        *,
        user: str = "sim",
        password: str = "sim",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.hosts = {host.name: host for host in hosts}
        self.executor = executor
        self.tls = tls
        self.credentials = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self.operations: dict[str, Operation] = {
            "Create": self._create,
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
            "Delete": self._delete,
        }

    async def start(self) -> None:
        """Open every host's port."""
        for host in self.hosts.values():
            await host.start(self.serve, self.tls)

    async def stop(self) -> None:
        """Shut every port and end what runs."""
        for host in self.hosts.values():
            await host.stop()
        await self.executor.close()

    async def serve(self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)
            }
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > LARGEST_BODY:
                writer.write(_http(413, b"", "text/plain"))
                return
            body = await reader.readexactly(int(length))
            shells: list[Shell] = []
            try:
                answer = await self._answer(host, first, headers, body, shells)
            except CutError:
                host.counters.requests += 1
                writer.transport.abort()
                return
            host.counters.requests += 1
            host.counters.bytes_in += len(head) + len(body)
            host.counters.bytes_out += len(answer)
            for shell in shells:
                shell.count(host, len(head) + len(body) + len(answer))
            writer.write(answer)
            await writer.drain()

    async def _answer(self, host: Host, first: str, headers: dict[str, str], body: bytes, shells: list[Shell]) -> bytes:
        """One HTTP answer; the shell that the request was for is added to `shells`."""
        words = first.split(" ")
        if len(words) != 3 or words[0] != "POST" or words[1].rstrip("/") != "/wsman":
            return _http(404, b"", "text/plain")
        given = headers.get("authorization", "").encode("latin-1")
        if host.unauthorized or not hmac.compare_digest(given, self.credentials):
            if host.unauthorized:
                host.fail("unauthorized")
            return _http(401, b"", "text/plain")
        request = None
        try:
            request = Request(body)
            operation = self._operation(request)
            shell = _shell_of(host, request)
            shells.append(shell)
            content = await operation(host, shell, request)
        except SoapFault as fault:
            return _http(500, _envelope(NS["w"] + "/fault", request, fault.xml()), SOAP)
        return _http(200, _envelope(request.action + "Response", request, content), SOAP)

    def _operation(self, request: Request) -> Operation:
        operation = self.operations.get(request.verb)
        if operation is None:
            raise SoapFault(UNSUPPORTED, f"The action {request.action} is not supported.", "a:ActionNotSupported")
        return operation

    async def _create(self, host: Host, shell: Shell, request: Request) -> str:
        scheme = "https" if self.tls else "http"
        selector = f'<w:Selector Name="ShellId">{shell.id}</w:Selector>'
        return (
            f"<x:ResourceCreated><a:Address>{scheme}://{LOOPBACK}:{host.port}/wsman</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{SHELL_URI}</w:ResourceURI><w:SelectorSet>{selector}"
            f"</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>{shell.id}</rsp:ShellId>"
            f"<rsp:ResourceUri>{SHELL_URI}</rsp:ResourceUri><rsp:ClientIP>{LOOPBACK}</rsp:ClientIP>"
            "<rsp:IdleTimeOut>PT7200.000S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>"
            "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
        )

    async def _command(self, host: Host, shell: Shell, request: Request) -> str:
        asked = request.part("rsp:CommandLine")
        words = [
            asked.findtext("rsp:Command", "", NS),
            *(word.text or "" for word in asked.findall("rsp:Arguments", NS)),
        ]
        console = (request.options.get("WINRS_CONSOLEMODE_STDIN") or "TRUE").upper() == "TRUE"
        command = Command(" ".join(words).strip(), waits_for_input=not console)
        shell.commands[command.id] = command
        shell.module = None
        command.task = asyncio.create_task(self._execute(host, shell, command))
        return f"<rsp:CommandResponse><rsp:CommandId>{command.id}</rsp:CommandId></rsp:CommandResponse>"

    async def _send(self, host: Host, shell: Shell, request: Request) -> str:
        for stream in request.body.findall("rsp:Send/rsp:Stream", NS):
            command = _command_of(shell, stream.get("CommandId"))
            try:
                command.stdin += base64.b64decode(stream.text or "", validate=True)
            except binascii.Error as error:
                raise SoapFault(MALFORMED, f"Send without base64: {error}", "w:SchemaValidationError") from error
            if (stream.get("End") or "").lower() == "true":
                command.stdin_closed.set()
        return "<rsp:SendResponse/>"

    async def _receive(self, host: Host, shell: Shell, request: Request) -> str:
        command = _command_of(shell, request.part("rsp:Receive/rsp:DesiredStream").get("CommandId"))
        await self._wait(command, request.timeout)
        if command.cut:
            raise CutError
        chunk, command.output = command.output[:1], command.output[1:]
        streams = "".join(
            f'<rsp:Stream Name="{stream}" CommandId="{command.id}">{base64.b64encode(data).decode()}</rsp:Stream>'
            for stream, data in chunk
        )
        state = f'<rsp:CommandState CommandId="{command.id}" State="{NS["rsp"]}/CommandState'
        if command.output or command.code is None:
            return f'<rsp:ReceiveResponse>{streams}{state}/Running"/></rsp:ReceiveResponse>'
        ends = "".join(
            f'<rsp:Stream Name="{stream}" CommandId="{command.id}" End="true"/>' for stream in ("stdout", "stderr")
        )
        code = f"<rsp:ExitCode>{command.code & 0xFFFFFFFF}</rsp:ExitCode>"
        return f'<rsp:ReceiveResponse>{streams}{ends}{state}/Done">{code}</rsp:CommandState></rsp:ReceiveResponse>'

    async def _wait(self, command: Command, timeout: float) -> None:
        """Wait for output as long as the client said; a fault may make the wait longer or end it."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(command.done.wait(), timeout)
        except TimeoutError:
            raise _operation_timeout() from None
        if command.silent_until is not None:
            await asyncio.sleep(command.silent_until - loop.time())
        if command.timeouts_until is not None:
            if loop.time() >= command.timeouts_until:
                command.timeouts_until = None
            else:
                await asyncio.sleep(min(timeout, 0.2, command.timeouts_until - loop.time()))
            raise _operation_timeout()

    async def _signal(self, host: Host, shell: Shell, request: Request) -> str:
        command = shell.commands.pop((request.part("rsp:Signal").get("CommandId") or "").upper(), None)
        if command is not None and command.task is not None:
            command.task.cancel()
        return "<rsp:SignalResponse/>"

    async def _delete(self, host: Host, shell: Shell, request: Request) -> str:
        shell.stop()
        host.shells.pop(shell.id, None)
        return ""

    async def _execute(self, host: Host, shell: Shell, command: Command) -> None:
        await command.stdin_closed.wait()
        try:
            code, out, err = await self._run(host, shell, command)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Whatever breaks here must reach the one who runs the play.
            code, out, err = 1, b"", f"simfleet: {type(error).__name__}: {error}\r\n".encode()
        command.finish(code, out, err)

    async def _run(self, host: Host, shell: Shell, command: Command) -> tuple[int, bytes, bytes]:
        stdin = bytes(command.stdin)
        script = payload.script_of(command.line)
        run = payload.parse(stdin)
        shell.module = name = run.name if run is not None else model.command_name(script, command.line)
        counter = host.counters.module_runs if run is not None and run.kind == "module" else host.counters.commands
        counter[name] += 1
        self._fail(host, command, name)
        if run is None:
            return model.command(host, script, command.line, stdin)
        if run.kind == "module" and run.name.startswith(OWN) and not model.is_async(run):
            return await self.executor.run(host, run, script or "", stdin, MODULE_TIMEOUT)
        return model.answer(host, run)

    @staticmethod
    def _fail(host: Host, command: Command, name: str) -> None:
        """Bring about the faults that come with this run."""
        now = asyncio.get_running_loop().time()
        for fault in host.faults.at_module(name, host.counters.restarts):
            seconds = fault.seconds or 0.0
            if fault.kind == "cut":
                command.cut = True
            elif fault.kind == "garbled":
                command.garbled = True
            elif fault.kind == "becomes":
                host.becomes(fault.world)
            elif fault.kind == "restarts_by_itself":
                host.restart_by_itself(seconds)
            elif fault.kind == "operation_timeout":
                command.timeouts_until = now + seconds
            elif fault.kind == "slow_answer":
                command.silent_until = now + seconds
            elif fault.kind == "unauthorized":
                host.refuse_credentials(fault.seconds)
                continue
            elif fault.kind == "refused":
                host.fail(fault.kind)
                host.go_away("refused", fault.seconds)
                continue
            host.fail(fault.kind)


def _operation_timeout() -> SoapFault:
    reason = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
    return SoapFault(OPERATION_TIMEOUT, reason, "w:TimedOut")


def _shell_of(host: Host, request: Request) -> Shell:
    """The shell that a request is for; Create makes one."""
    if request.verb == "Create":
        shell = Shell()
        host.shells[shell.id] = shell
        host.counters.shells += 1
        return shell
    found: Shell | None = host.shells.get(request.shell)
    if found is None:
        reason = f"The WS-Management service cannot find the shell {request.shell}."
        raise SoapFault(SHELL_NOT_FOUND, reason, "w:InvalidSelectors")
    return found


def _command_of(shell: Shell, command_id: str | None) -> Command:
    command = shell.commands.get((command_id or "").upper())
    if command is None:
        raise SoapFault(COMMAND_NOT_FOUND, f"The command {command_id} was not found.", "w:InvalidSelectors")
    return command


def _envelope(action: str, request: Request | None, content: str) -> bytes:
    relates = f"<a:RelatesTo>{escape(request.id)}</a:RelatesTo>" if request is not None else ""
    return (
        f"<s:Envelope xml:lang={quoteattr('en-US')} {XMLNS}><s:Header><a:Action>{escape(action)}</a:Action>"
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{NS['a']}/role/anonymous</a:To>{relates}"
        f"</s:Header><s:Body>{content}</s:Body></s:Envelope>"
    ).encode()


def _http(status: int, body: bytes, kind: str) -> bytes:
    reason = {200: "OK", 401: "Unauthorized", 404: "Not Found", 413: "Content Too Large", 500: "Internal Server Error"}
    ask = 'WWW-Authenticate: Basic realm="WSMAN"\r\n' if status == 401 else ""
    head = (
        f"HTTP/1.1 {status} {reason[status]}\r\nContent-Type: {kind}\r\nServer: Microsoft-HTTPAPI/2.0\r\n{ask}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def client_settings(host: Host, user: str, password: str, scheme: str) -> dict[str, Any]:
    """What Ansible's winrm connection needs to reach a host."""
    return {
        "ansible_connection": "winrm",
        "ansible_host": LOOPBACK,
        "ansible_port": host.port,
        "ansible_user": user,
        "ansible_password": password,
        "ansible_winrm_scheme": scheme,
        "ansible_winrm_transport": "basic",
    }
