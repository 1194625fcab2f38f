#!/bin/bash
# Python's email package, reading a message and writing it again unchanged, makes an encoded word of a long message id.
#
# Version: CPython 3.14.2, as the npm package pyodide 314.0.7 carries it.
# Guess: message_from_bytes(..., policy=policy.default).as_bytes() gives a message with the same header, folded anew at
#   most. A message id has no place to fold, so it stays on one line: it may have 998 octets (RFC 5322 section 2.1.1).
# Behaviour: References and In-Reply-To with an id longer than 78 octets become =?utf-8?q?=3C...?=, though they are
#   plain ASCII. RFC 2047 section 5 allows no encoded word in these fields, so a reader that keeps to it finds no message
#   id there and cannot thread. Message-ID itself is left alone.
#   policy.default.clone(refold_source="none") leaves the header as it came.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . pyodide@314.0.7 >/dev/null

cat >again.py <<'PY'
import platform
from email import message_from_bytes, policy

ID = b"<" + b"A1B2" * 12 + b"@" + b"C3D4" * 5 + b".mail.example.org>"
RAW = b"From: jane@example.org\nMessage-ID: " + ID + b"\nIn-Reply-To: " + ID + b"\nReferences: " + ID + b"\n\nHello\n"


def headers(octets):
    return dict(line.split(": ", 1) for line in octets.decode().replace("\n ", " ").split("\n\n")[0].splitlines())


before, after = headers(RAW), headers(message_from_bytes(RAW, policy=policy.default).as_bytes())
kept = headers(message_from_bytes(RAW, policy=policy.default.clone(refold_source="none")).as_bytes())
print("version:", platform.python_version(), "and an id of", len(ID), "octets")
for name in before:
    print(name, "is the same" if before[name] == after[name] else "became " + after[name][:14] + "...")
print("with refold_source none all are the same:", before == kept)
PY
cat >run.mjs <<'JS'
import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";
(await loadPyodide()).runPython(readFileSync("again.py", "utf8"));
JS

echo "guess: every field is the same"
node run.mjs | tee seen
cat >expected <<'TEXT'
version: 3.14.2 and an id of 88 octets
From is the same
Message-ID is the same
In-Reply-To became =?utf-8?q?=3CA...
References became =?utf-8?q?=3CA...
with refold_source none all are the same: True
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
