// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System.Reflection;
using System.Runtime.InteropServices;
using System.Threading.Tasks;

namespace ansible_collections.rebootless.patching.plugins.module_utils.AgentCall
{
    // The update agent's BeginSearch refuses to go without an object of this COM interface.
    [ComImport, InterfaceType(ComInterfaceType.InterfaceIsIUnknown), Guid("88AEE058-D4B0-4725-A2F1-814A67AE964C")]
    public interface ISearchCompletedCallback
    {
        void Invoke([MarshalAs(UnmanagedType.IUnknown)] object job, [MarshalAs(UnmanagedType.IUnknown)] object arguments);
    }

    public class SearchCallback : ISearchCompletedCallback
    {
        public void Invoke(object job, object arguments) { }
    }

    // A call that blocks gets its time limit from a thread of its own.
    public static class Call
    {
        public static Task<object> Start(object target, string name, object argument)
        {
            return Task.Run(() => target.GetType().InvokeMember(name, BindingFlags.InvokeMethod, null, target, new object[] { argument }));
        }
    }
}
