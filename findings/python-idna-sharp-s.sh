#!/bin/bash
# Python resolves a domain with an "ß" to another domain than nodemailer and the PyPI package idna do.
#
# Version: CPython 3.14.2, as the npm package pyodide 314.0.7 carries it; idna 3.11 (PyPI); nodemailer 10.6.1 (npm).
# Guess: the codec "idna", which socket uses for host names, makes of straße.example what other libraries do, since
#   IDNA2008 (RFC 5891) replaced the old rules in 2010: xn--strae-oqa.example.
# Behaviour: the codec has the rules of 2003, to which "ß" is another spelling of "ss": strasse.example, a domain that may
#   belong to somebody else. It does not fail, and for ä, ö, ü, é both rules agree, so that tests pass.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . pyodide@314.0.7 nodemailer@10.6.1 >/dev/null
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-cache-dir idna==3.11

cat >codec.mjs <<'JS'
import { loadPyodide } from "pyodide";
(await loadPyodide()).runPython(`
import platform
for name in "büro.example", "straße.example":
    print(f"CPython {platform.python_version()}:", name, "->", name.encode("idna").decode())
`);
JS
cat >nodemailer.mjs <<'JS'
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const { version } = JSON.parse(readFileSync("node_modules/nodemailer/package.json"));
const transport = nodemailer.createTransport({ streamTransport: true });
for (const name of ["büro.example", "straße.example"]) {
  const { envelope } = await transport.sendMail({ from: "jane@example.org", to: `john@${name}`, text: "Hello" });
  console.log(`nodemailer ${version}: ${name} -> ${envelope.to[0].split("@")[1]}`);
}
JS
cat >package.py <<'PY'
import idna

for name in "büro.example", "straße.example":
    print(f"idna {idna.__version__}:", name, "->", idna.encode(name, uts46=True).decode())
PY

echo "guess: the three agree"
{
    node codec.mjs
    python/bin/python package.py
    node nodemailer.mjs
} | tee seen
cat >expected <<'TEXT'
CPython 3.14.2: büro.example -> xn--bro-hoa.example
CPython 3.14.2: straße.example -> strasse.example
idna 3.11: büro.example -> xn--bro-hoa.example
idna 3.11: straße.example -> xn--strae-oqa.example
nodemailer 10.6.1: büro.example -> xn--bro-hoa.example
nodemailer 10.6.1: straße.example -> xn--strae-oqa.example
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
