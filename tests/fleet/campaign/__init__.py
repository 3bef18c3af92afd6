# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault campaign: named faults, faults of the controller, randomly faulted hosts, planted bugs. README.md tells how to run it."""
