#!/bin/bash
# In Postfix's regexp and pcre tables the flag "i" makes a pattern heed case.
#
# Version: Postfix 3.7.11-0+deb12u1 of Debian 12 (postfix, postfix-pcre).
# Guess: /pattern/i is a pattern that ignores case, as in Perl, sed, JavaScript and everything else that writes
#   patterns between slashes.
# Behaviour: the flags toggle, and ignoring case is on by default: /^ann@/ matches Ann@, /^ann@/i does not. Whoever writes
#   the i to be on the safe side gets a table that misses mail only when somebody writes an address with a capital.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for package in postfix=3.7.11-0+deb12u1 postfix-pcre=3.7.11-0+deb12u1 libdb5.3 libicu72 libnsl2 libtirpc3; do
    apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null
done
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/postfix:$folder/root/usr/lib/x86_64-linux-gnu"
mkdir config
printf 'shlib_directory = %s\nmeta_directory = %s\n' "$folder/root/usr/lib/postfix" "$folder/config" >config/main.cf
cp root/usr/share/postfix/dynamicmaps.cf config
touch config/master.cf

printf '/^ann@example\\.org$/ matches\n' >plain
printf '/^ann@example\\.org$/i matches\n' >with_i
look_up() {
    local found
    found=$(root/usr/sbin/postmap -c config -q "$1" "$2:$3") || found="no match"
    echo "$2 table $3, $1: $found"
}

echo "guess: Ann@ matches with the flag"
{
    echo "version: $(root/usr/sbin/postconf -c config -h mail_version)"
    for kind in regexp pcre; do
        for table in plain with_i; do
            look_up ann@example.org $kind $table
            look_up Ann@example.org $kind $table
        done
    done
} | tee seen
cat >expected <<'TEXT'
version: 3.7.11
regexp table plain, ann@example.org: matches
regexp table plain, Ann@example.org: matches
regexp table with_i, ann@example.org: matches
regexp table with_i, Ann@example.org: no match
pcre table plain, ann@example.org: matches
pcre table plain, Ann@example.org: matches
pcre table with_i, ann@example.org: matches
pcre table with_i, Ann@example.org: no match
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
