"""Prints the digest of each message that a reader has shown: in an mbox or a Maildir that it wrote, in a folder of files (--cut: as bsd-mailx
copies lines with a NUL), in what doveadm fetched (--fetched), or in an mbox or a Maildir as Python's own module finds them (--python). What
readers add for themselves is left out, and so are empty lines at the end."""

import hashlib
import mailbox
import os
import re
import sys

# And the separator that came with a message from another mbox, which a Maildir keeps and two of them leave out.
OWN = re.compile(rb"^(status:|x-status:|content-length:|lines:|x-uid:|x-keywords:|x-imap:|x-imapbase:|>?from )", re.IGNORECASE)


def digest(octets):
    header, _, body = octets.rstrip(b"\n").partition(b"\n\n")
    # One program writes a blank behind the name of an empty field.
    lines = [line.removesuffix(b": ") + b":" * line.endswith(b": ") for line in header.split(b"\n") if not OWN.match(line)]
    return hashlib.sha256(b"\n".join(lines) + b"\n\n" + body).hexdigest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def messages(kind, path):
    if kind == "--python":
        box = mailbox.Maildir(path, create=False) if os.path.isdir(path) else mailbox.mbox(path)
        return [box.get_bytes(key) for key in box.iterkeys()]
    if kind == "--fetched":
        return re.split(rb"\nuid: \d+\ntext:\n", b"\n" + read(path).replace(b"\f\n", b""))[1:]
    if os.path.isdir(path):
        folders = [folder for folder in (os.path.join(path, "new"), os.path.join(path, "cur")) if os.path.isdir(folder)]
        files = [read(os.path.join(folder, name)) for folder in folders or [path] for name in sorted(os.listdir(folder))]
        return [re.sub(rb"\0[^\n]*\n", b"", file) if kind == "--cut" else file for file in files]
    return re.split(rb"\n\nFrom [^\n]*\n", b"\n\n" + read(path))[1:]


for message in messages(*sys.argv[1:]):
    print(digest(message))
