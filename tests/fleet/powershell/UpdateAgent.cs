// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// The update agent's searching side as COM objects over the world's `update_agent` and the offers that Python has filled in.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Threading;

namespace FakeWindows
{
    internal static class Agent
    {
        internal const int NotSupported = unchecked((int)0x80240037), NotDownloaded = unchecked((int)0x80246007), NoUpdate = unchecked((int)0x80240024);
        internal const int InvalidCriteria = unchecked((int)0x80240032), UnknownName = unchecked((int)0x80020006), InvalidArgument = unchecked((int)0x80070057);
        internal const int BadPointer = unchecked((int)0x80004003);

        internal static int Number(JsonElement from) => unchecked((int)from.GetInt64());

        internal static bool Flag(JsonElement from, string name) => World.Member(from, name).ValueKind == JsonValueKind.True;

        /// <summary>Yes, no, or the null that a world writes as a text.</summary>
        internal static object Answer(string name) =>
            World.Member(World.Agent, name).ValueKind == JsonValueKind.String ? null : (object)Flag(World.Agent, name);

        /// <summary>Waits as long as the world lasts.</summary>
        internal static void Hang(ManualResetEventSlim over) => over.Wait(TimeSpan.FromMinutes(1));
    }

    public sealed class UpdateSession
    {
        private readonly string fault;
        private readonly bool refused;

        /// <param name="fault">what everything fails with, or null</param>
        /// <param name="refused">whether this is a network logon, which may only search</param>
        public UpdateSession(string fault, bool refused)
        {
            this.fault = fault;
            this.refused = refused;
        }

        public string ClientApplicationID { get; set; } = "";

        public UpdateSearcher CreateUpdateSearcher() => fault == null ? new UpdateSearcher(refused) : throw Fault.Com(fault);

        public UpdateInstaller CreateUpdateInstaller()
        {
            Check();
            return new UpdateInstaller();
        }

        public UpdateDownloader CreateUpdateDownloader()
        {
            Check();
            return new UpdateDownloader();
        }

        private void Check()
        {
            if (fault != null) throw Fault.Com(fault);
            if (refused) throw Fault.Com("denied");
        }
    }

    public sealed class UpdateInstaller
    {
        internal UpdateInstaller() { }

        public object RebootRequiredBeforeInstallation => Agent.Answer("reboot_required_before_installation");

        public bool IsBusy => Agent.Flag(World.Agent, "busy");
    }

    public sealed class UpdateSearcher
    {
        private const string Known = "IsInstalled=0 and DeploymentAction='Installation'";
        private static readonly Guid Callback = new Guid("88AEE058-D4B0-4725-A2F1-814A67AE964C");
        private readonly bool refused;

        internal UpdateSearcher(bool refused) => this.refused = refused;

        public SearchJob BeginSearch(string criteria, object onCompleted, object state)
        {
            World.Called("BeginSearch");
            if (refused) throw Fault.Com("denied");
            Type wanted = onCompleted?.GetType().GetInterfaces().FirstOrDefault(known => known.GUID == Callback);
            if (wanted == null) throw new NullReferenceException("Invalid pointer") { HResult = Agent.BadPointer };
            Check(criteria);
            return new SearchJob(wanted.GetMethod("Invoke"), onCompleted, state);
        }

        public SearchResult EndSearch(SearchJob job)
        {
            World.Called("EndSearch");
            // The real one would wait.
            if (!job.Completed) throw new InvalidOperationException("EndSearch was called before the search was completed.");
            return Found();
        }

        public SearchResult Search(string criteria)
        {
            World.Called("Search");
            Check(criteria);
            if (Agent.Flag(World.Member(World.Agent, "search"), "hangs")) Agent.Hang(World.Over);
            return Found();
        }

        private static void Check(string criteria)
        {
            if (criteria != Known) throw Fault.Com(Agent.InvalidCriteria);
        }

        private static SearchResult Found()
        {
            JsonElement fails = World.Member(World.Member(World.Agent, "search"), "fails");
            if (fails.ValueKind == JsonValueKind.Number) throw Fault.Com(Agent.Number(fails));
            return new SearchResult();
        }
    }

    public sealed class SearchJob
    {
        private readonly MethodInfo invoke;
        private readonly object callback;
        private int asked;

        internal SearchJob(MethodInfo invoke, object callback, object state)
        {
            this.invoke = invoke;
            this.callback = callback;
            AsyncState = state;
        }

        internal bool Completed { get; private set; }

        public object AsyncState { get; }

        public bool IsCompleted
        {
            get
            {
                // Never at once, as with a real agent.
                if (++asked == 2 && !Agent.Flag(World.Member(World.Agent, "search"), "hangs"))
                {
                    invoke.Invoke(callback, new object[] { this, null });
                    Completed = true;
                }
                return Completed;
            }
        }

        public void RequestAbort() => World.Called("RequestAbort");

        public void CleanUp() => Agent.Hang(World.Over);
    }

    public sealed class SearchResult
    {
        internal SearchResult()
        {
            Warnings = Items.Of(World.Member(World.Member(World.Agent, "search"), "warnings"), warning => (object)new UpdateException(Agent.Number(warning)));
            JsonElement code = World.Member(World.Member(World.Agent, "search"), "result_code");
            ResultCode = code.ValueKind == JsonValueKind.Number ? code.GetInt32() : Warnings.Count > 0 ? 3 : 2;
            Updates = new UpdateCollection();
            if (World.Offers.ValueKind == JsonValueKind.Array) foreach (JsonElement offer in World.Offers.EnumerateArray()) Updates.Add(new Update(offer));
        }

        public int ResultCode { get; }

        public UpdateCollection Updates { get; }

        public Items Warnings { get; }
    }

    public sealed class UpdateException
    {
        internal UpdateException(int hresult) => HResult = hresult;

        public int HResult { get; }
    }

    /// <summary>A read-only COM collection.</summary>
    public sealed class Items
    {
        private readonly object[] items;

        private Items(object[] items) => this.items = items;

        internal static Items Of(JsonElement from, Func<JsonElement, object> made) =>
            from.ValueKind == JsonValueKind.Null ? null : new Items(from.ValueKind == JsonValueKind.Array ? from.EnumerateArray().Select(made).ToArray() : new object[0]);

        public int Count => items.Length;

        public object Item(int index) => items[index];
    }

    /// <summary>Enumerated by PowerShell when it gets the chance, as the real one.</summary>
    public sealed class UpdateCollection : System.Collections.IEnumerable
    {
        private readonly List<Update> updates = new List<Update>();

        public int Count => updates.Count;

        public Update Item(int index) => updates[index];

        public int Add(Update update)
        {
            updates.Add(update);
            return updates.Count - 1;
        }

        public System.Collections.IEnumerator GetEnumerator() => updates.GetEnumerator();
    }

    public sealed class Update
    {
        private static readonly JsonElement Empty = JsonDocument.Parse("null").RootElement;
        private static readonly JsonElement Nonsense = JsonDocument.Parse("\"?\"").RootElement;
        private readonly JsonElement data;

        internal Update(JsonElement data) => this.data = data;

        internal string Id => World.Member(World.Member(data, "Identity"), "UpdateID").GetString();

        internal JsonElement Data => data;

        internal bool Bootstrapped { get; set; }

        public UpdateIdentity Identity => new UpdateIdentity(Read("Identity"));

        public string Title => Read("Title").GetString();

        public Items KBArticleIDs => Items.Of(Read("KBArticleIDs"), number => number.GetString());

        public Items Categories => Items.Of(Read("Categories"), category => new Category(category));

        public Items SupersededUpdateIDs => Items.Of(Read("SupersededUpdateIDs"), id => id.GetString());

        public Items DownloadContents => Items.Of(Read("DownloadContents"), content => new DownloadContent(content));

        public Items BundledUpdates => Items.Of(Read("BundledUpdates"), part => new BundledUpdate(part));

        public string MsrcSeverity => Read("MsrcSeverity").GetString();

        public decimal MaxDownloadSize => Read("MaxDownloadSize").GetDecimal();

        // Of no kind, and in UTC.
        public DateTime LastDeploymentChangeTime => DateTime.ParseExact(
            Read("LastDeploymentChangeTime").GetString(), "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.None);

        public bool BrowseOnly => Read("BrowseOnly").GetBoolean();

        public bool EulaAccepted => Read("EulaAccepted").GetBoolean();

        public bool IsHidden => Read("IsHidden").GetBoolean();

        public bool IsDownloaded => Read("IsDownloaded").GetBoolean();

        public int Type => Read("Type").GetInt32();

        public InstallationBehavior InstallationBehavior => new InstallationBehavior(this, Read("InstallationBehavior"));

        public object ExtendedStaticProperty(string name)
        {
            World.Called("ExtendedStaticProperty");
            NeedsBuild();
            if (name != "ContainsUpdateBootstrapper") throw Fault.Com(Agent.InvalidArgument);
            JsonElement answer = Read(name);
            if (answer.ValueKind == JsonValueKind.String) return answer.GetString();
            return answer.ValueKind == JsonValueKind.Null ? null : (object)answer.GetBoolean();
        }

        public object EvaluateExtendedDynamicProperty(string name)
        {
            World.Called("EvaluateExtendedDynamicProperty " + Id);
            NeedsBuild();
            if (name != "DoesUpdateRequireReboot") throw Fault.Com(Agent.InvalidArgument);
            if (!Bootstrapped) throw Fault.Com(Agent.NotDownloaded);
            JsonElement answer = World.Member(data, name);
            if (answer.ValueKind == JsonValueKind.Number) throw Fault.Com(Agent.Number(answer));
            return answer.GetBoolean();
        }

        public void AcceptEula()
        {
            World.Called("AcceptEula " + Id);
            throw new InvalidOperationException("A reading module must not accept licence terms.");
        }

        internal JsonElement Read(string name)
        {
            JsonElement fault = World.Member(World.Member(data, "broken"), name);
            switch (fault.ValueKind == JsonValueKind.String ? fault.GetString() : null)
            {
                case null: return World.Member(data, name);
                case "empty": return Empty;
                case "nonsense": return Nonsense;
                case "missing": throw Fault.Com(Agent.UnknownName);
                default: throw Fault.Com(fault.GetString());
            }
        }

        private static void NeedsBuild()
        {
            if (World.Build < 26100) throw Fault.Com(Agent.UnknownName);
        }
    }

    public sealed class UpdateIdentity
    {
        private readonly JsonElement data;

        internal UpdateIdentity(JsonElement data) => this.data = data;

        public string UpdateID => World.Member(data, "UpdateID").GetString();

        public int RevisionNumber => World.Member(data, "RevisionNumber").GetInt32();
    }

    public sealed class DownloadContent
    {
        private readonly JsonElement data;

        internal DownloadContent(JsonElement data) => this.data = data;

        public string DownloadUrl => World.Member(data, "DownloadUrl").GetString();
    }

    public sealed class BundledUpdate
    {
        private readonly JsonElement data;

        internal BundledUpdate(JsonElement data) => this.data = data;

        public Items DownloadContents => Items.Of(World.Member(data, "DownloadContents"), content => new DownloadContent(content));
    }

    public sealed class Category
    {
        private readonly JsonElement data;

        internal Category(JsonElement data) => this.data = data;

        public string CategoryID => World.Member(data, "CategoryID").GetString();

        public string Name => World.Member(data, "Name").GetString();
    }

    public sealed class InstallationBehavior
    {
        private readonly Update update;
        private readonly JsonElement data;

        internal InstallationBehavior(Update update, JsonElement data)
        {
            this.update = update;
            this.data = data;
        }

        public int RebootBehavior => Read("RebootBehavior").GetInt32();

        public int Impact => Read("Impact").GetInt32();

        public bool CanRequestUserInput => Read("CanRequestUserInput").GetBoolean();

        private JsonElement Read(string name)
        {
            // An empty one has no value to be read.
            return update.Read(name).ValueKind == JsonValueKind.Null ? default : World.Member(data, name);
        }
    }

    public sealed class UpdateDownloader
    {
        internal UpdateDownloader() { }

        public UpdateCollection Updates { get; set; }

        public DownloadResult Download2(int type)
        {
            if (Updates == null || Updates.Count == 0) throw Fault.Com(Agent.NoUpdate);
            ManualResetEventSlim over = World.Over;
            int hresult = 0;
            foreach (Update update in Updates)
            {
                World.Called($"Download2({type}) {update.Id}");
                if (type != 1) throw new InvalidOperationException("A reading module must not download a whole update.");
                if (World.Member(update.Data, "ContainsUpdateBootstrapper").ValueKind != JsonValueKind.True) throw Fault.Com(Agent.NotSupported);
                JsonElement fails = World.Member(update.Data, "Download2");
                if (fails.ValueKind == JsonValueKind.String) Agent.Hang(over);
                else if (fails.ValueKind == JsonValueKind.Number && fails.GetInt64() != 0) hresult = Agent.Number(fails);
                else update.Bootstrapped = true;
            }
            return new DownloadResult(hresult);
        }
    }

    public sealed class DownloadResult
    {
        internal DownloadResult(int hresult) => HResult = hresult;

        public int HResult { get; }

        public int ResultCode => HResult == 0 ? 2 : 4;
    }
}
