"""Joins standard input and output to the mailbox program: to one that is started here with these words, on a pair of sockets, or with
--connect to the one that listens. It runs on the test's machine, since the kernel names the peer of a socket by the machine's own ids."""

import os
import socket
import subprocess
import sys
import threading

SOCKET = "/run/postrider/mailbox"


def forward(ours):
    while octets := os.read(0, 1 << 16):
        ours.sendall(octets)
    ours.shutdown(socket.SHUT_WR)


def main():
    if sys.argv[1:] == ["--connect"]:
        ours = socket.socket(socket.AF_UNIX)
        ours.connect(SOCKET)
        server = None
    else:
        ours, its = socket.socketpair()
        server = subprocess.Popen(sys.argv[1:], stdin=its)
        its.close()
    threading.Thread(target=forward, args=(ours,), daemon=True).start()
    try:
        while octets := ours.recv(1 << 16):
            os.write(1, octets)
    except ConnectionError:
        pass
    os.close(1)
    # A daemon thread that still reads must not keep this process from ending.
    os._exit(server.wait() if server else 0)


main()
