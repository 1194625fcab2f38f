#!/bin/bash
# Haraka breaks lines of 991 to 998 octets in two, though SMTP allows them.
#
# Version: Haraka 3.3.4 (npm), with the connection.ini that it ships.
# Guess: a text line of 998 octets and CRLF, the longest that RFC 5321 section 4.5.3.1.6 allows, goes through as it is; what
#   is longer is refused or broken.
# Behaviour: the default of data_line_length is 992 octets with CRLF. A longer line is not refused: CRLF and a blank are put
#   after octet 990, and the answer is 250. A body hash made before (DKIM) does not fit any more, and base64 or JSON on one
#   line is cut. A sender that folds at 998 to be safe is not safe; 1000 as data_line_length lets them through.
set -eu
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . Haraka@3.3.4 >/dev/null

mkdir config plugins
echo mail.example.org >config/me
echo keep >config/plugins
cat >plugins/keep.js <<'JS'
const { writeFileSync } = require("node:fs");

exports.hook_rcpt = (next) => next(OK);
exports.hook_queue = (next, connection) =>
  connection.transaction.message_stream.get_data((data) => {
    writeFileSync("kept", data);
    next(OK);
  });
JS
cat >send.py <<'PY'
import smtplib
import sys

port, length = int(sys.argv[1]), int(sys.argv[2])
with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org", timeout=30) as client:
    client.sendmail("jane@example.org", ["john@example.org"], "Subject: a note\r\n\r\n" + "x" * length + "\r\n")
with open("kept", "rb") as file:
    body = file.read().split(b"\r\n\r\n", 1)[1]
print(length, "octets came through as", [len(line) for line in body.splitlines()])
PY

# Haraka with this limit, for lines of each length.
with_limit() {
    local limit=$1 port
    shift
    port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "listen=127.0.0.1:$port" >config/smtp.ini
    sed "s/^data_line_length=.*/data_line_length=$limit/" node_modules/Haraka/config/connection.ini >config/connection.ini
    timeout 120 node node_modules/Haraka/bin/haraka -c . >log 2>&1 &
    server=$!
    for _ in $(seq 100); do
        grep -q "$port" log && break
        sleep 0.2
    done
    sleep 1
    for length; do python3 send.py "$port" "$length"; done
    kill "$server"
    wait "$server" 2>/dev/null || true
    server=
}

shipped=$(sed -n 's/^data_line_length=//p' node_modules/Haraka/config/connection.ini)
echo "guess: each comes through as one line"
{
    echo "version: $(node -p 'require("./node_modules/Haraka/package.json").version'), data_line_length as shipped: $shipped"
    with_limit "$shipped" 990 991 998
    echo "-- with data_line_length=1000"
    with_limit 1000 998
} | tee seen
cat >expected <<'TEXT'
version: 3.3.4, data_line_length as shipped: 992
990 octets came through as [990]
991 octets came through as [990, 2]
998 octets came through as [990, 9]
-- with data_line_length=1000
998 octets came through as [998]
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
