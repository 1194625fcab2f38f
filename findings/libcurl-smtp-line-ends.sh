#!/bin/bash
# libcurl sends a text file over SMTP with bare line feeds.
#
# Version: libcurl 8.23.0, which the PyPI wheel pycurl 7.49.0 carries.
# Guess: lines end with CRLF in SMTP and nothing else (RFC 5321 section 2.3.8), so a client for SMTP makes CRLF of a text
#   file's LF, as Python's smtplib does.
# Behaviour: what is uploaded goes out as it is, LF by LF; only before the final "." a CRLF is put.
#   A server may refuse such a message or read it in its own way. CURLOPT_CRLF (curl --crlf) is off by default; with
#   it the same file goes out with CRLF.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --only-binary :all: pycurl==7.49.0

cat >send.py <<'PY'
import io
import socket
import threading

import pycurl


def serve(listener, received):
    """One SMTP session that takes everything; keeps what comes between DATA and QUIT."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as lines:
        def answer(text):
            lines.write(text + b"\r\n")
            lines.flush()
        answer(b"220 mail.example.org")
        for line in iter(lines.readline, b""):
            if line == b"DATA\r\n":
                answer(b"354 go on")
                while (line := lines.readline()) != b".\r\n":
                    received.append(line)
            answer(b"221 bye" if line == b"QUIT\r\n" else b"250 ok")


def sent(crlf):
    received = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        server = threading.Thread(target=serve, args=(listener, received), daemon=True)
        server.start()
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, "smtp://127.0.0.1:%d/client.example.org" % listener.getsockname()[1])
        curl.setopt(pycurl.MAIL_FROM, "jane@example.org")
        curl.setopt(pycurl.MAIL_RCPT, ["john@example.org"])
        curl.setopt(pycurl.UPLOAD, True)
        curl.setopt(pycurl.CRLF, crlf)
        curl.setopt(pycurl.TIMEOUT, 20)
        curl.setopt(pycurl.READDATA, io.BytesIO(b"Subject: a note\n\nHello\n"))
        curl.perform()
        curl.close()
        server.join(20)
    return b"".join(received)


print("version:", pycurl.version_info()[1])
print("by default:", sent(False))
print("with CRLF: ", sent(True))
PY

printf '%s\n' 'guess: "Subject: a note\r\n\r\nHello\r\n" both times'
python/bin/python send.py | tee seen
cat >expected <<'TEXT'
version: 8.23.0
by default: b'Subject: a note\n\nHello\n\r\n'
with CRLF:  b'Subject: a note\r\n\r\nHello\r\n'
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
