#!/bin/bash
# Python's mailbox.mbox takes any line that begins with "From " for the start of a message, and quotes for ever.
#
# Version: CPython 3.14.2, as the npm package pyodide 314.0.7 carries it.
# Guess: a message starts at a line "From SENDER DATE" that follows an empty line (RFC 4155 appendix A has both), and
#   what add() quoted, reading takes off again.
# Behaviour: a sentence "From the desk of Jane" in the middle of a paragraph splits the message: a third one appears that
#   has no header. And add() writes ">From ", which reading leaves there: the message that comes back is not the one that
#   went in, and a signature over its body no longer fits.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . pyodide@314.0.7 >/dev/null

cat >box.py <<'PY'
import mailbox
import platform

print("version:", platform.python_version())
with open("two.mbox", "wb") as file:
    file.write(
        b"From jane@example.org Mon Nov 30 10:00:00 2026\nSubject: one\n\nA note\nFrom the desk of Jane\nin Oslo.\n\n"
        b"From john@example.org Mon Nov 30 10:05:00 2026\nSubject: two\n\nHello\n\n"
    )
box = mailbox.mbox("two.mbox")
print("messages:", len(box), "with the subjects", [message["Subject"] for message in box])

into = b"Subject: three\n\nHello\n\nFrom here on\n"
box = mailbox.mbox("new.mbox")
box.add(into)
box.flush()
back = mailbox.mbox("new.mbox").get_bytes(0)
print("went in: ", into.splitlines()[-1].decode())
print("came out:", back.splitlines()[-1].decode())
PY
cat >run.mjs <<'JS'
import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";
(await loadPyodide()).runPython(readFileSync("box.py", "utf8"));
JS

echo "guess: two messages, and what comes out is what went in"
node run.mjs | tee seen
cat >expected <<'TEXT'
version: 3.14.2
messages: 3 with the subjects ['one', None, 'two']
went in:  From here on
came out: >From here on
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
