"""Hostile clients of a listener: KIND PORT, until killed. Each connection comes from another address of this machine."""
import base64
import os
import socket
import sys
import time

KIND, PORT = sys.argv[1], int(sys.argv[2])
serial = 0


def connect():
    global serial
    serial += 1
    own = socket.socket()
    own.settimeout(5)
    own.bind(("127.%d.%d.%d" % (1 + serial // 60000 % 100, serial // 240 % 250, 1 + serial % 240), 0))
    own.connect(("127.0.0.1", PORT))
    own.setblocking(False)
    return own


def push(own, data):
    """Sends what fits; False where the connection is gone."""
    try:
        own.send(data)
        return True
    except BlockingIOError:
        return True
    except OSError:
        return False


def drain(own):
    """Reads what is there; False where the connection is gone."""
    try:
        while True:
            if not own.recv(65536):
                return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def crowd(size, data, pause):
    """So many connections that send this again and again; those that are closed are replaced."""
    open_ones, first = [], True
    while True:
        while len(open_ones) < size:
            try:
                open_ones.append(connect())
            except OSError:
                break
        if first:
            print("begun", flush=True)
            first = False
        alive = []
        for own in open_ones:
            if drain(own) and (not data or push(own, data())):
                alive.append(own)
            else:
                own.close()
        open_ones = alive
        time.sleep(pause)


def wrong():
    return b"EHLO x\r\nAUTH PLAIN " + base64.b64encode(b"\0laptop\0" + os.urandom(6).hex().encode()) + b"\r\n"


KINDS = {
    # A thousand that say nothing.
    "connections": lambda: crowd(1000, None, 0.5),
    # A thousand that guess.
    "logins": lambda: crowd(1000, wrong, 0.2),
    # A byte a second.
    "bytes": lambda: crowd(200, lambda: b"N", 1),
    # Lines without an end: 100 MB each, if they are let.
    "lines": lambda: crowd(10, lambda: b"x" * 1_000_000, 0.001),
    "garbage": lambda: crowd(20, lambda: os.urandom(2000) + b"\r\n" + b"FOO\r\n" * 200, 0.01),
    "auth": lambda: crowd(20, lambda: b"EHLO x\r\n" + b"AUTH PLAIN\r\n*\r\n" * 100, 0.01),
    "starttls": lambda: crowd(20, lambda: b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\n", 0.01),
    "bdat": lambda: crowd(20, lambda: b"BDAT 99999999999 LAST\r\n" + b"x" * 10_000, 0.01),
    # A handshake that goes on forever: the head of a record, then a byte of it now and then.
    "handshakes": lambda: crowd(200, lambda: b"\x16\x03\x01", 1),
}

KINDS[KIND]()
