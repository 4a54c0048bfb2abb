"""A service manager in small: `inheriting.py PORT ARGUMENTS…` binds the port, hands it over, and becomes leadsync."""

import os
import socket
import sys

from leadsync.inbox.listen import FIRST_INHERITED

if __name__ == "__main__":
    port = int(sys.argv[1])
    held = socket.create_server(("127.0.0.1", port), backlog=128)
    os.dup2(held.fileno(), FIRST_INHERITED)
    os.set_inheritable(FIRST_INHERITED, True)  # dup2 does nothing where it is there already
    handed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    line = [sys.executable, "-W", "error", "-m", "leadsync", *sys.argv[2:]]
    os.execve(sys.executable, line, {**os.environ, **handed})  # noqa: S606 - as a service manager does
