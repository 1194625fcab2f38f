#!/bin/bash
# msmtp exits with 69, "unavailable", when the server asks to try again later.
#
# Version: msmtp 1.8.23-1 of Debian 12.
# Guess: msmtp takes its exit codes from sysexits.h, so a 4xx reply of the server (greylisting, say) is 75, EX_TEMPFAIL,
#   "the user is invited to retry", and a 5xx reply something else.
# Behaviour: a 4xx reply at MAIL, at RCPT or after the data gives 69, EX_UNAVAILABLE. A caller that tries again on 75 and gives
#   up on the rest loses the message. 65 and 69 are what a 5xx reply gives, so that
#   after the data nothing but the text on stderr tells the two apart.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for package in msmtp=1.8.23-1 libgsasl18 libsecret-1-0 libntlm0 libgssglue1; do
    apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null
done
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu"

# A server for one session, which answers one command with the reply given.
cat >server.py <<'PY'
import socket
import sys

command, reply = sys.argv[1].encode(), sys.argv[2].encode()
with socket.create_server(("127.0.0.1", 0)) as listener:
    listener.settimeout(20)
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as lines:
        def answer(verb, usual):
            lines.write((reply if verb == command else usual) + b"\r\n")
            lines.flush()
        answer(b"", b"220 mail.example.org")
        for line in iter(lines.readline, b""):
            verb = line.split()[0].upper()
            if verb == b"DATA":
                lines.write(b"354 go on\r\n")
                lines.flush()
                while lines.readline() != b".\r\n":
                    pass
            answer(verb, b"221 bye" if verb == b"QUIT" else b"250 ok")
PY

status() {
    local port code=0
    exec 3< <(python3 server.py "$1" "$2")
    read -r port <&3
    printf 'Subject: a note\n\nHello\n' | root/usr/bin/msmtp --file=/dev/null --host=127.0.0.1 --port="$port" \
        --timeout=20 --from=jane@example.org john@example.org 2>/dev/null || code=$?
    exec 3<&-
    echo "$2 to $1: $code"
}

echo "guess: 75 for each 4xx"
{
    root/usr/bin/msmtp --version | sed -n 's/^msmtp version \(.*\)/version: \1/p'
    status MAIL '450 4.7.1 try again later'
    status RCPT '450 4.2.0 try again later'
    status DATA '451 4.3.0 try again later'
    status RCPT '550 5.1.1 no such user'
    status DATA '550 5.7.1 not this one'
} | tee seen
cat >expected <<'TEXT'
version: 1.8.23
450 4.7.1 try again later to MAIL: 69
450 4.2.0 try again later to RCPT: 69
451 4.3.0 try again later to DATA: 69
550 5.1.1 no such user to RCPT: 65
550 5.7.1 not this one to DATA: 69
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
