#!/bin/bash
# "openssl s_client" does not send the line RCPT TO:<...>.
#
# Version: OpenSSL 3.0.22-1~deb12u2 of Debian 12.
# Guess: s_client is a pipe with TLS: each line of its input goes to the server, with -crlf in SMTP's form. MAIL FROM and
#   DATA do, so RCPT TO does.
# Behaviour: a line whose first letter is a capital R is a command to s_client itself, "renegotiate" (as Q is "quit"); with
#   TLS 1.3 the connection is dropped then, and the server never sees the line. It looks as if the server hung up on the
#   recipient. "rcpt to" in small letters works, as does -quiet, which turns these commands off.
set -eu
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
for package in openssl=3.0.22-1~deb12u2 libssl3=3.0.22-1~deb12u2; do
    apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null
done
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH OPENSSL_CONF=/dev/null
openssl=root/usr/bin/openssl
$openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mail.example.org -days 2 \
    -keyout key.pem -out certificate.pem 2>/dev/null

# What a client says to a TLS server that answers "250 ok" to each line.
cat >server.py <<'PY'
import os
import socket
import ssl

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
with socket.create_server(("127.0.0.1", 0)) as listener:
    listener.settimeout(20)
    with open("port.new", "w") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename("port.new", "port")
    connection, _ = listener.accept()
    connection.settimeout(20)
    try:
        with context.wrap_socket(connection, server_side=True) as tls, tls.makefile("rwb") as lines:
            for line in iter(lines.readline, b""):
                print("the server got:", line.decode().strip(), flush=True)
                lines.write(b"250 ok\r\n")
                lines.flush()
    except OSError:
        pass
PY

# With these options, what the server gets of an SMTP dialogue of which each line waits for the answer to the one before.
dialogue() {
    rm -f port
    LD_LIBRARY_PATH='' python3 server.py >got &
    server=$!
    until [ -e port ]; do sleep 0.1; done
    for line in 'MAIL FROM:<jane@example.org>' "$1" 'DATA'; do
        echo "$line"
        sleep 1
    done | timeout 20 $openssl s_client -crlf -connect "127.0.0.1:$(cat port)" ${2:+"$2"} >/dev/null 2>&1 || true
    wait "$server" || true
    server=
    cat got
}

echo "guess: the server gets three lines each time"
{
    $openssl version | cut -d' ' -f1,2
    dialogue 'RCPT TO:<john@example.org>'
    echo "-- in small letters"
    dialogue 'rcpt to:<john@example.org>'
    echo "-- with -quiet"
    dialogue 'RCPT TO:<john@example.org>' -quiet
} | tee seen
cat >expected <<'TEXT'
OpenSSL 3.0.22
the server got: MAIL FROM:<jane@example.org>
-- in small letters
the server got: MAIL FROM:<jane@example.org>
the server got: rcpt to:<john@example.org>
the server got: DATA
-- with -quiet
the server got: MAIL FROM:<jane@example.org>
the server got: RCPT TO:<john@example.org>
the server got: DATA
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
