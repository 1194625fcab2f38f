#!/bin/bash
# The same line of a .env file is another password to Node than to Python.
#
# Version: dotenv 18.0.10 (npm), python-dotenv 1.2.4 (PyPI).
# Guess: in PASSWORD=swordfish#1 the value is all that follows the first "=": a comment begins with "#" after white space,
#   as in a shell.
# Behaviour: dotenv cuts an unquoted value at the first "#", wherever it stands, and says nothing: the password is
#   "swordfish", and the mail server refuses the login. python-dotenv wants white space before a comment
#   and keeps it whole, so the same file works there. With quotes both read the same.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . dotenv@18.0.10 >/dev/null
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-cache-dir python-dotenv==1.2.4

cat >.env <<'ENV'
PASSWORD=swordfish#1
QUOTED='swordfish#1'
REMARK=swordfish #1
ENV
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { parse } from "dotenv";

console.log("dotenv", JSON.parse(readFileSync("node_modules/dotenv/package.json")).version);
for (const [key, value] of Object.entries(parse(readFileSync(".env")))) console.log(" ", key, value);
JS
cat >read.py <<'PY'
from importlib.metadata import version

from dotenv import dotenv_values

print("python-dotenv", version("python-dotenv"))
for key, value in dotenv_values(".env").items():
    print(" ", key, value)
PY

echo "guess: both read PASSWORD as swordfish#1"
{
    node read.mjs
    python/bin/python read.py
} | tee seen
cat >expected <<'TEXT'
dotenv 18.0.10
  PASSWORD swordfish
  QUOTED swordfish#1
  REMARK swordfish
python-dotenv 1.2.4
  PASSWORD swordfish#1
  QUOTED swordfish#1
  REMARK swordfish
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
