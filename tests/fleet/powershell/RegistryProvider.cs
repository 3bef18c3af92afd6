// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// A world held in memory: a registry and a disk to be read by PowerShell's own provider commands (nothing can be written),
// the errors Windows gives, the update agent's COM objects, and a host for a warm process.
using System;
using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Provider;
using System.Management.Automation.Runspaces;
using System.Security;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;

namespace FakeWindows
{
    public enum ValueKind { Unknown = 0, String = 1, ExpandString = 2, Binary = 3, DWord = 4, MultiString = 7, QWord = 11 }

    [Flags]
    public enum ValueOptions { None = 0, DoNotExpandEnvironmentNames = 1 }

    internal sealed class Node
    {
        public string Name;
        public Node Parent;
        public bool Container = true;
        public readonly SortedDictionary<string, Node> Children = new SortedDictionary<string, Node>(StringComparer.OrdinalIgnoreCase);
        public readonly List<string> Order = new List<string>();
        public readonly Dictionary<string, (ValueKind Kind, object Data)> Values = new Dictionary<string, (ValueKind, object)>(StringComparer.OrdinalIgnoreCase);

        public string FullName => Parent == null || Parent.Name.Length == 0 ? Name : Parent.FullName + "\\" + Name;

        public Node Find(string path)
        {
            Node at = this;
            foreach (string part in Parts(path))
            {
                if (!at.Children.TryGetValue(part, out Node child)) return null;
                at = child;
            }
            return at;
        }

        public Node Make(string path)
        {
            Node at = this;
            foreach (string part in Parts(path))
            {
                if (!at.Children.TryGetValue(part, out Node child)) at.Children[part] = child = new Node { Name = part, Parent = at };
                at = child;
            }
            return at;
        }

        public void Set(string name, ValueKind kind, object data)
        {
            if (!Values.ContainsKey(name)) Order.Add(name);
            Values[name] = (kind, data);
        }

        public static string[] Parts(string path) => path.Split(new[] { '\\', '/' }, StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>The reading members of Microsoft.Win32.RegistryKey.</summary>
    public sealed class Key : IDisposable
    {
        private readonly Node node;

        internal Key(Node node) => this.node = node;

        public string Name => node.FullName;

        public int ValueCount => node.Order.Count;

        public int SubKeyCount => node.Children.Count;

        public string[] GetValueNames() => node.Order.ToArray();

        public string[] GetSubKeyNames() => node.Children.Values.Select(k => k.Name).ToArray();

        public object GetValue(string name) => GetValue(name, null, ValueOptions.None);

        public object GetValue(string name, object defaultValue) => GetValue(name, defaultValue, ValueOptions.None);

        public object GetValue(string name, object defaultValue, ValueOptions options) =>
            node.Values.TryGetValue(name ?? "", out var value) ? World.Shown(value, options) : defaultValue;

        public ValueKind GetValueKind(string name) =>
            node.Values.TryGetValue(name ?? "", out var value) ? value.Kind : throw new IOException("The specified registry key does not exist.");

        public void Close() { }

        public void Dispose() { }

        public override string ToString() => Name;
    }

    public static class World
    {
        private static readonly HashSet<string> Kinds = new HashSet<string>(Enum.GetNames(typeof(ValueKind)), StringComparer.OrdinalIgnoreCase);
        internal static Node Registry = new Node { Name = "" };
        internal static Node Disk = new Node { Name = "" };
        private static readonly Dictionary<string, string> KeyFaults = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

        /// <summary>The world without its registry and its files, as JSON.</summary>
        public static string Rest { get; private set; } = "{}";

        /// <summary>What the update agent was asked to do in this world, in order; and in the world before it.</summary>
        public static readonly List<string> Calls = new List<string>();

        public static string[] CallsBefore { get; private set; } = new string[0];

        /// <summary>Set when the next world comes: calls that hang end then.</summary>
        internal static ManualResetEventSlim Over = new ManualResetEventSlim();

        internal static JsonElement Agent;
        internal static JsonElement Offers;

        internal static void Called(string what)
        {
            lock (Calls) Calls.Add(what);
        }

        public static void Load(string json)
        {
            Registry = new Node { Name = "" };
            Disk = new Node { Name = "" };
            KeyFaults.Clear();
            Over.Set();
            Over = new ManualResetEventSlim();
            CallsBefore = Calls.ToArray();
            Calls.Clear();
            foreach (string hive in new[] { "HKEY_LOCAL_MACHINE", "HKEY_CURRENT_USER" }) Registry.Make(hive);
            Disk.Make("DISK_C");
            JsonObject world = JsonNode.Parse(json).AsObject();
            using (JsonDocument document = JsonDocument.Parse(json))
            {
                JsonElement root = document.RootElement;
                foreach (JsonProperty key in Members(root, "registry")) LoadKey(key);
                foreach (JsonProperty key in Members(Member(root, "broken"), "registry")) KeyFaults[Normal(key.Name)] = key.Value.GetString();
                JsonElement files = Member(root, "files");
                Agent = Kept(Member(root, "update_agent"));
                Offers = Kept(Member(root, "agent_offers"));
                if (files.ValueKind == JsonValueKind.Array) foreach (JsonElement file in files.EnumerateArray()) LoadFile(file.GetString());
                if (HasArcAgent(root)) LoadFile(ArcAgent);
            }
            world.Remove("registry");
            world.Remove("files");
            world.Remove("expect");
            Rest = world.ToJsonString();
        }

        /// <summary>Where the Arc agent lies in a world that has one.</summary>
        public const string ArcAgent = @"C:\Program Files\AzureConnectedMachineAgent\azcmagent.exe";

        private static bool HasArcAgent(JsonElement root)
        {
            JsonElement fault = Member(Member(Member(root, "broken"), "commands"), "azcmagent");
            if (fault.ValueKind == JsonValueKind.String) return fault.GetString() != "missing";
            return Member(root, "azcmagent").ValueKind == JsonValueKind.Object;
        }

        internal static string FaultOf(string path) => KeyFaults.TryGetValue(string.Join("\\", Node.Parts(path)), out string fault) ? fault : null;

        internal static int Build => Registry.Find(@"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion") is Node node
            && node.Values.TryGetValue("CurrentBuild", out var value) && int.TryParse(value.Data as string, out int build) ? build : 0;

        internal static object Shown((ValueKind Kind, object Data) value, ValueOptions options)
        {
            if (value.Kind != ValueKind.ExpandString || options.HasFlag(ValueOptions.DoNotExpandEnvironmentNames)) return value.Data;
            return Environment.ExpandEnvironmentVariables((string)value.Data);
        }

        private static JsonElement Kept(JsonElement element) => element.ValueKind == JsonValueKind.Undefined ? element : element.Clone();

        internal static JsonElement Member(JsonElement from, string name) =>
            from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out JsonElement value) ? value : default;

        private static IEnumerable<JsonProperty> Members(JsonElement from, string name)
        {
            JsonElement value = Member(from, name);
            return value.ValueKind == JsonValueKind.Object ? value.EnumerateObject().ToArray() : new JsonProperty[0];
        }

        private static string Normal(string key)
        {
            string[] parts = Node.Parts(key);
            parts[0] = parts[0].TrimEnd(':').ToUpperInvariant();
            if (parts[0] == "HKLM") parts[0] = "HKEY_LOCAL_MACHINE";
            if (parts[0] == "HKCU") parts[0] = "HKEY_CURRENT_USER";
            return string.Join("\\", parts);
        }

        private static void LoadFile(string file)
        {
            if (!file.StartsWith("C:", StringComparison.OrdinalIgnoreCase)) return;
            Disk.Make("DISK_C\\" + file.Substring(2)).Container = file.EndsWith("\\", StringComparison.Ordinal);
        }

        private static void LoadKey(JsonProperty key)
        {
            if (key.Value.ValueKind != JsonValueKind.Object) return;
            Node node = Registry.Make(Normal(key.Name));
            foreach (JsonProperty value in key.Value.EnumerateObject())
            {
                JsonElement data = value.Value;
                switch (data.ValueKind)
                {
                    case JsonValueKind.Null: continue;
                    case JsonValueKind.String: node.Set(value.Name, ValueKind.String, data.GetString()); continue;
                    case JsonValueKind.True: node.Set(value.Name, ValueKind.DWord, 1); continue;
                    case JsonValueKind.False: node.Set(value.Name, ValueKind.DWord, 0); continue;
                    case JsonValueKind.Number: node.Set(value.Name, ValueKind.DWord, unchecked((int)data.GetInt64())); continue;
                }
                if (data.GetArrayLength() == 2 && data[0].ValueKind == JsonValueKind.String && Kinds.Contains(data[0].GetString()))
                {
                    var kind = (ValueKind)Enum.Parse(typeof(ValueKind), data[0].GetString(), true);
                    node.Set(value.Name, kind, Coerce(data[1], kind));
                }
                else node.Set(value.Name, ValueKind.MultiString, Coerce(data, ValueKind.MultiString));
            }
        }

        private static object Coerce(JsonElement data, ValueKind kind)
        {
            switch (kind)
            {
                case ValueKind.DWord: return unchecked((int)data.GetInt64());
                case ValueKind.QWord: return data.GetInt64();
                case ValueKind.Binary: return data.EnumerateArray().Select(b => b.GetByte()).ToArray();
                case ValueKind.MultiString: return data.EnumerateArray().Select(s => s.GetString()).ToArray();
                default: return data.GetString();
            }
        }
    }

    /// <summary>As Microsoft.Management.Infrastructure.CimException: the HRESULT is in the error id, not in HResult.</summary>
    public sealed class CimException : Exception
    {
        public CimException(string message, int native) : base(message) => NativeErrorCode = (NativeErrorCode)native;

        public NativeErrorCode NativeErrorCode { get; }
    }

    public enum NativeErrorCode { Ok = 0, Failed = 1, AccessDenied = 2, InvalidNamespace = 3, InvalidParameter = 4, InvalidClass = 5, MethodNotFound = 17 }

    /// <summary>What goes wrong, as the record Windows gives. fast.py has the same table.</summary>
    public static class Fault
    {
        private static T With<T>(T exception, uint hresult) where T : Exception
        {
            exception.HResult = unchecked((int)hresult);
            return exception;
        }

        public static Exception Registry(string kind)
        {
            switch (kind)
            {
                case "denied": return new SecurityException("Requested registry access is not allowed.");
                case "timeout": return new TimeoutException("The operation has timed out.");
                default: return With(new IOException("Illegal operation attempted on a registry key that has been marked for deletion."), 0x800703FA);
            }
        }

        public static ErrorRecord Cim(string kind)
        {
            switch (kind)
            {
                case "denied": return Cim("Access denied", 0x80041003, 2, ErrorCategory.PermissionDenied);
                case "timeout": return Cim("Timed out", 0x80041069, 1, ErrorCategory.OperationTimeout);
                case "missing": return Cim("Invalid class", 0x80041010, 5, ErrorCategory.MetadataError);
                case "namespace": return Cim("Invalid namespace", 0x8004100E, 3, ErrorCategory.MetadataError);
                case "method": return Cim("This method is not implemented in any class", 0x80041055, 17, ErrorCategory.NotImplemented);
                default: return Cim("Generic failure", 0x80041001, 1, ErrorCategory.NotSpecified);
            }
        }

        private static ErrorRecord Cim(string message, uint hresult, int native, ErrorCategory category) =>
            new ErrorRecord(new CimException(message + " ", native), "HRESULT 0x" + hresult.ToString("x", CultureInfo.InvariantCulture), category, null);

        public static Exception Com(int hresult) =>
            new System.Runtime.InteropServices.COMException("Exception from HRESULT: 0x" + hresult.ToString("X8", CultureInfo.InvariantCulture), hresult);

        public static Exception Com(string kind)
        {
            switch (kind)
            {
                case "denied": return new UnauthorizedAccessException("Access is denied. (0x80070005 (E_ACCESSDENIED))");
                case "timeout": return new System.Runtime.InteropServices.COMException("This operation returned because the timeout period expired. (0x800705B4)", unchecked((int)0x800705B4));
                case "missing": return new System.Runtime.InteropServices.COMException("Class not registered (0x80040154 (REGDB_E_CLASSNOTREG))", unchecked((int)0x80040154));
                default: return new System.Runtime.InteropServices.COMException("An operation failed due to reasons not covered by another error code. (0x8024FFFF)", unchecked((int)0x8024FFFF));
            }
        }

        public static ErrorRecord Command(string kind, string name)
        {
            switch (kind)
            {
                case "denied": return new ErrorRecord(new UnauthorizedAccessException("Attempted to perform an unauthorized operation."), "AccessDenied", ErrorCategory.PermissionDenied, name);
                case "timeout": return new ErrorRecord(new TimeoutException("The operation has timed out."), "TimedOut", ErrorCategory.OperationTimeout, name);
                case "missing": return new ErrorRecord(new CommandNotFoundException($"The term '{name}' is not recognized as a name of a cmdlet, function, script file, or executable program."), "CommandNotFoundException", ErrorCategory.ObjectNotFound, name);
                default: return new ErrorRecord(new InvalidOperationException("Operation is not valid due to the current state of the object."), "Failed", ErrorCategory.InvalidOperation, name);
            }
        }

        /// <summary>What Process.Start throws on Windows for a file that may not be run.</summary>
        public static Exception Start() => new System.ComponentModel.Win32Exception(5, "Access is denied.");
    }

    public sealed class SystemInformation
    {
        private readonly string fault;

        public SystemInformation(string fault) => this.fault = fault;

        public object RebootRequired => fault == null ? FakeWindows.Agent.Answer("reboot_required") : throw Fault.Com(fault);
    }

    public sealed class Zone
    {
        private readonly double minutes;

        public Zone(string id, double minutes)
        {
            Id = id;
            this.minutes = minutes;
        }

        public string Id { get; }

        public TimeSpan GetUtcOffset(DateTime time) => TimeSpan.FromMinutes(minutes);
    }

    /// <summary>Reads one of the world's trees; every writing command fails, because nothing here implements it.</summary>
    public abstract class TreeProvider : NavigationCmdletProvider
    {
        internal abstract Node Root { get; }

        internal abstract object Item(Node node);

        internal virtual string FaultOf(string path) => null;

        protected override bool IsValidPath(string path) => !string.IsNullOrEmpty(path);

        // As Windows' own provider: what cannot be read exists, and the reading says why not.
        protected override bool ItemExists(string path) => FaultOf(path) is string kind ? kind != "missing" : Root.Find(path) != null;

        protected override bool IsItemContainer(string path) => Root.Find(path) is Node n && n.Container;

        protected override bool HasChildItems(string path) => Root.Find(path) is Node n && n.Children.Count > 0;

        internal Node Require(string path)
        {
            if (FaultOf(path) is string kind && kind != "missing")
            {
                ErrorCategory category = kind == "denied" ? ErrorCategory.PermissionDenied : ErrorCategory.ReadError;
                WriteError(new ErrorRecord(Fault.Registry(kind), "RegistryFault", category, path));
                return null;
            }
            return Root.Find(path);
        }

        protected override void GetItem(string path)
        {
            if (Require(path) is Node node) WriteItemObject(Item(node), path, node.Container);
        }

        protected override void GetChildItems(string path, bool recurse)
        {
            if (!(Require(path) is Node node)) return;
            foreach (Node child in node.Children.Values)
            {
                string at = MakePath(path, child.Name);
                WriteItemObject(Item(child), at, child.Container);
                if (recurse && child.Container) GetChildItems(at, true);
            }
        }

        protected override void GetChildNames(string path, ReturnContainers returnContainers)
        {
            if (!(Require(path) is Node node)) return;
            foreach (Node child in node.Children.Values) WriteItemObject(child.Name, MakePath(path, child.Name), child.Container);
        }
    }

    [CmdletProvider("FakeDisk", ProviderCapabilities.None)]
    public sealed class DiskProvider : TreeProvider
    {
        internal override Node Root => World.Disk;

        internal override object Item(Node node)
        {
            var item = new PSObject();
            item.Properties.Add(new PSNoteProperty("Name", node.Name));
            return item;
        }
    }

    [CmdletProvider("Registry", ProviderCapabilities.None)]
    public sealed class RegistryProvider : TreeProvider, IPropertyCmdletProvider
    {
        internal override Node Root => World.Registry;

        internal override string FaultOf(string path) => World.FaultOf(path);

        internal override object Item(Node node)
        {
            var item = new PSObject(new Key(node));
            item.Properties.Add(new PSNoteProperty("Property", node.Order.Select(Listed).ToArray()));
            return item;
        }

        private static string Listed(string name) => name.Length == 0 ? "(default)" : name;

        public void GetProperty(string path, Collection<string> providerSpecificPickList)
        {
            if (!(Require(path) is Node node)) return;
            var picks = providerSpecificPickList ?? new Collection<string>();
            var result = new PSObject();
            foreach (string pick in picks.Where(p => !node.Order.Any(n => Listed(n).Equals(p, StringComparison.OrdinalIgnoreCase))))
            {
                var problem = new PSArgumentException($"Property {pick} does not exist at path {node.FullName}.");
                WriteError(new ErrorRecord(problem, "System.Management.Automation.PSArgumentException", ErrorCategory.InvalidArgument, path));
            }
            foreach (string name in node.Order.Where(n => picks.Count == 0 || picks.Contains(Listed(n), StringComparer.OrdinalIgnoreCase)))
            {
                result.Properties.Add(new PSNoteProperty(Listed(name), World.Shown(node.Values[name], ValueOptions.None)));
            }
            if (result.Properties.Any()) WritePropertyObject(result, path);
        }

        public object GetPropertyDynamicParameters(string path, Collection<string> providerSpecificPickList) => null;

        public void SetProperty(string path, PSObject propertyValue) => throw new NotSupportedException("The fake registry is read-only.");

        public object SetPropertyDynamicParameters(string path, PSObject propertyValue) => null;

        public void ClearProperty(string path, Collection<string> propertyToClear) => throw new NotSupportedException("The fake registry is read-only.");

        public object ClearPropertyDynamicParameters(string path, Collection<string> propertyToClear) => null;
    }

    internal sealed class WorkerUI : PSHostUserInterface
    {
        internal readonly StringBuilder Out = new StringBuilder();
        internal readonly StringBuilder Error = new StringBuilder();

        public override PSHostRawUserInterface RawUI => null;

        public override void Write(string value) => Out.Append(value);

        public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Out.Append(value);

        public override void WriteLine(string value) => Out.Append(value).Append('\n');

        public override void WriteErrorLine(string value) => Error.Append(value).Append('\n');

        public override void WriteDebugLine(string message) { }

        public override void WriteVerboseLine(string message) { }

        public override void WriteWarningLine(string message) { }

        public override void WriteProgress(long sourceId, ProgressRecord record) { }

        public override string ReadLine() => throw new NotSupportedException();

        public override SecureString ReadLineAsSecureString() => throw new NotSupportedException();

        public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) => throw new NotSupportedException();

        public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) => throw new NotSupportedException();

        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) => throw new NotSupportedException();

        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) => throw new NotSupportedException();
    }

    /// <summary>Collects the exit code and the error lines of one payload; ansible-core's coverage wrapper asks it for its runspace.</summary>
    public sealed class WorkerHost : PSHost, IHostSupportsInteractiveSession
    {
        private readonly WorkerUI ui = new WorkerUI();
        private readonly Guid id = Guid.NewGuid();

        public int ExitCode { get; private set; }

        public string Output => ui.Out.ToString();

        public string Errors => ui.Error.ToString();

        public Runspace Runspace { get; set; }

        public bool IsRunspacePushed => false;

        public override string Name => "ConsoleHost";

        public override Version Version => new Version(7, 6);

        public override Guid InstanceId => id;

        public override PSHostUserInterface UI => ui;

        public override CultureInfo CurrentCulture => CultureInfo.InvariantCulture;

        public override CultureInfo CurrentUICulture => CultureInfo.InvariantCulture;

        public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

        public override void EnterNestedPrompt() => throw new NotSupportedException();

        public override void ExitNestedPrompt() => throw new NotSupportedException();

        public override void NotifyBeginApplication() { }

        public override void NotifyEndApplication() { }

        public void PushRunspace(Runspace runspace) => throw new NotSupportedException();

        public void PopRunspace() { }
    }
}
