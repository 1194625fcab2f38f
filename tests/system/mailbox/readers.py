"""Prints the digest of each message that a reader has shown: in an mbox that it wrote, in a folder of files (--cut: as bsd-mailx copies
lines with a NUL), in what doveadm fetched (--fetched), or in an mbox as Python's own module finds them (--python). What readers add for
themselves is left out, and so are empty lines at the end."""

import hashlib
import mailbox
import os
import re
import sys

OWN = re.compile(rb"^(status|x-status|content-length|lines|x-uid|x-keywords|x-imap|x-imapbase):", re.IGNORECASE)


def digest(octets):
    header, _, body = octets.rstrip(b"\n").partition(b"\n\n")
    lines = [line for line in header.split(b"\n") if not OWN.match(line)]
    return hashlib.sha256(b"\n".join(lines) + b"\n\n" + body).hexdigest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def messages(kind, path):
    if kind == "--python":
        box = mailbox.mbox(path)
        return [box.get_bytes(key) for key in box.iterkeys()]
    if kind == "--fetched":
        return re.split(rb"\nuid: \d+\ntext:\n", b"\n" + read(path).replace(b"\f\n", b""))[1:]
    if os.path.isdir(path):
        files = [read(os.path.join(path, name)) for name in sorted(os.listdir(path))]
        return [re.sub(rb"\0[^\n]*\n", b"", file) if kind == "--cut" else file for file in files]
    return re.split(rb"\n\nFrom [^\n]*\n", b"\n\n" + read(path))[1:]


for message in messages(*sys.argv[1:]):
    print(digest(message))
