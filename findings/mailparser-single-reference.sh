#!/bin/bash
# The npm package mailparser gives "references" as an array only when there are at least two.
#
# Version: mailparser 3.14.2.
# Guess: mail.references is a list of message ids, in a reply to a first message a list of one.
# Behaviour: one id comes as a string, two or more as an array. A string has length, indexOf(), at() and an iterator too, so
#   nothing fails: "for (const id of mail.references)" goes over its letters, references[0] is "<", and the last one is
#   ">". Tests with a long thread do not show it. [].concat(mail.references ?? []) is always a list.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . mailparser@3.14.2 >/dev/null

cat >parse.mjs <<'JS'
import { readFileSync } from "node:fs";
import { simpleParser } from "mailparser";

const { version } = JSON.parse(readFileSync("node_modules/mailparser/package.json"));
console.log("version:", version);
for (const ids of ["<one@example.org>", "<one@example.org> <two@example.org>"]) {
  const { references } = await simpleParser(`From: jane@example.org\r\nReferences: ${ids}\r\n\r\nHello\r\n`);
  console.log(`${ids}: ${Array.isArray(references) ? "an array" : "a " + typeof references}, the last is ${references.at(-1)}`);
}
JS

echo "guess: an array each time"
node parse.mjs | tee seen
cat >expected <<'TEXT'
version: 3.14.2
<one@example.org>: a string, the last is >
<one@example.org> <two@example.org>: an array, the last is <two@example.org>
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
