#!/bin/bash
# Python's email.utils.getaddresses() answers "no address at all" for a valid address with a comma in a comment.
#
# Version: CPython 3.14.2, as the npm package pyodide 314.0.7 carries it.
# Guess: a comment may hold a comma (RFC 5322 section 3.2.2); getaddresses() knows comments, and its new strict mode,
#   which is the default, refuses only what is not valid.
# Behaviour: strict mode counts the commas outside quotes, comments' too, and when the count does not fit the number of
#   addresses that it found, it answers [('', '')] for the whole field: its other recipients are gone as well, without
#   an exception. With strict=False all are found.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . pyodide@314.0.7 >/dev/null

cat >parse.py <<'PY'
import platform
from email.utils import getaddresses

print("version:", platform.python_version())
for field in ["Jane (Sales) <jane@example.org>", "Jane (Sales, EU) <jane@example.org>", "john@example.org, jane@example.org (Doe, Jane)"]:
    print(field)
    print("  getaddresses:", [address for _, address in getaddresses([field])])
    print("  strict=False:", [address for _, address in getaddresses([field], strict=False)])
PY
cat >run.mjs <<'JS'
import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";
(await loadPyodide()).runPython(readFileSync("parse.py", "utf8"));
JS

echo "guess: each gives its address, the last one two"
node run.mjs | tee seen
cat >expected <<'TEXT'
version: 3.14.2
Jane (Sales) <jane@example.org>
  getaddresses: ['jane@example.org']
  strict=False: ['jane@example.org']
Jane (Sales, EU) <jane@example.org>
  getaddresses: ['']
  strict=False: ['jane@example.org']
john@example.org, jane@example.org (Doe, Jane)
  getaddresses: ['']
  strict=False: ['john@example.org', 'jane@example.org']
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
