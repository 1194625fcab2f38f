#!/bin/bash
# Python's smtplib.send_message() changes body lines that begin with "From ".
#
# Version: CPython 3.14.2, as the npm package pyodide 314.0.7 carries it.
# Guess: what send_message() hands to the server is what message.as_bytes() shows, with CRLF. "From " is quoted in mbox
#   files; SMTP knows no such thing, and EmailMessage's default policy has mangle_from_ = False.
# Behaviour: the receiver gets ">From ". send_message() makes its own BytesGenerator without the message's policy, and
#   a generator without a policy quotes for mbox. So a signature made over as_bytes() (DKIM, PGP) does not fit.
#   sendmail(sender, recipients, message.as_bytes(policy=SMTP)) sends what is shown.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . pyodide@314.0.7 >/dev/null

cat >send.py <<'PY'
import platform
import smtplib
from email.message import EmailMessage


class Recorder(smtplib.SMTP):
    """A client without a connection: keeps what send_message() would put on the wire."""

    def ehlo_or_helo_if_needed(self):
        pass

    def sendmail(self, from_addr, to_addrs, msg, mail_options=(), rcpt_options=()):
        self.sent = msg


message = EmailMessage()
message["From"], message["To"], message["Subject"] = "jane@example.org", "john@example.org", "a note"
message.set_content("Hello,\nFrom here on it is downhill.\n")
client = Recorder(local_hostname="client.example.org")
client.send_message(message)
body = lambda octets: octets.replace(b"\r\n", b"\n").split(b"\n\n")[1].decode().splitlines()[1]
print("version:", platform.python_version())
print("mangle_from_ of the message's policy:", message.policy.mangle_from_)
print("as_bytes() shows:", body(message.as_bytes()))
print("the server gets: ", body(client.sent))
PY
cat >run.mjs <<'JS'
import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";
(await loadPyodide()).runPython(readFileSync("send.py", "utf8"));
JS

echo "guess: the server gets the line as as_bytes() shows it"
node run.mjs | tee seen
cat >expected <<'TEXT'
version: 3.14.2
mangle_from_ of the message's policy: False
as_bytes() shows: From here on it is downhill.
the server gets:  >From here on it is downhill.
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
