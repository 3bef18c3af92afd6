# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk refuses now and may take later, and how it is asked again. Not part of the pure core: it waits."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Self, TypeVar

# A disk that is full, or one on the network that is away. That it may not be written at all does not pass.
_PASSES = """
    EAGAIN EBUSY EDQUOT EHOSTDOWN EHOSTUNREACH EIO EMFILE ENETDOWN ENETUNREACH ENFILE ENOLCK ENOMEM ENOSPC ENOTCONN ESTALE ETIMEDOUT
"""
PASSES = {getattr(errno, name) for name in _PASSES.split() if hasattr(errno, name)}
# Seconds between two tries.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
Done = TypeVar("Done")


class RefusedError(Exception):
    """The system refused to read or write; `passes`: the disk is full or away, which often ends without anybody's doing."""

    passes = False

    def because(self, error: OSError) -> Self:
        """The same with what the system said."""
        self.passes = error.errno in PASSES
        return self


def patiently(
    do: Callable[[], Done], longest: Callable[[], float], tell: Callable[[str], None], *, whatever: bool = False
) -> Done:
    """Do it, and again while the disk is full or away, or refuses it `whatever` the reason, for at most so many seconds.

    `tell` is called with the first refusal.

    :raises RefusedError: it is refused still
    """
    begun, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return do()
        except RefusedError as error:
            if not (whatever or error.passes) or time.monotonic() - begun >= longest():
                raise
            if pause == FIRST_PAUSE:
                tell(f"{error} It is tried again.")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
