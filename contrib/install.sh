#!/bin/sh
# Installs postrider for the whole machine, or takes it away again; for packages, DESTDIR names a folder that stands for /. The table of
# owners and modes here is the one that "postrider check" knows: a test compares them.
set -eu

PREFIX=${PREFIX:-/usr}
DESTDIR=${DESTDIR:-}
here=$(cd "$(dirname "$0")/.." && pwd)
programs=$here/target/release
action=install aside= purge=

usage() {
    cat <<END
usage: [PREFIX=/usr] [DESTDIR=] contrib/install.sh [--programs DIR] [--move-aside]
       contrib/install.sh --uninstall [--purge]

  --programs DIR  where the built programs are (default: target/release)
  --move-aside    put another mail program's sendmail aside; without it, nothing is done where there is one
  --uninstall     take postrider away; configuration, queue, user and groups stay
  --purge         with --uninstall: take these away as well, with all mail that waits
END
}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

say() { printf '%s\n' "$*"; }

while [ $# -gt 0 ]; do
    case $1 in
    --programs) [ $# -gt 1 ] || fail "--programs wants a folder"; programs=$2; shift ;;
    --move-aside) aside=yes ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
    esac
    shift
done

# PATH OWNER GROUP MODE, each under DESTDIR.
folders() {
    cat <<END
$PREFIX/libexec/postrider root root 0755
/etc/postrider root root 0755
/etc/postrider/secrets root postrider 0750
/run/postrider postrider postrider 0755
/var/spool/postrider postrider postrider 0711
/var/spool/postrider/drop postrider postrider-drop 1770
/var/spool/postrider/queue postrider postrider 0700
/var/spool/postrider/failed postrider postrider 0700
/var/spool/postrider/history postrider postrider 0700
END
}

# PATH SOURCE OWNER GROUP MODE
files() {
    cat <<END
$PREFIX/bin/postrider $programs/postrider root root 0755
$PREFIX/sbin/sendmail $programs/sendmail root root 0755
$PREFIX/libexec/postrider/postrider-drop $programs/postrider-drop root postrider-drop 2755
$PREFIX/share/doc/postrider/examples/config.toml $here/contrib/config.toml root root 0644
END
    for page in "$here"/man/*.[1-8]; do
        printf '%s %s root root 0644\n' "$PREFIX/share/man/man${page##*.}/${page##*/}" "$page"
    done
}

# PATH TARGET: the names by which programs and people know a mailer.
names() {
    [ "$PREFIX" = /usr ] || printf '/usr/sbin/sendmail %s/sbin/sendmail\n' "$PREFIX"
    cat <<END
/usr/lib/sendmail ../sbin/sendmail
$PREFIX/bin/mailq postrider
$PREFIX/bin/newaliases postrider
END
}

# Every program of ours has this inside.
is_ours() { grep -q POSTRIDER_CONFIG "$1" 2>/dev/null; }

# Names that are taken by another mail program.
others() {
    for name in /usr/sbin/sendmail /usr/lib/sendmail "$PREFIX/sbin/sendmail" "$PREFIX/bin/mailq" "$PREFIX/bin/newaliases"; do
        path=$DESTDIR$name
        if { [ -e "$path" ] || [ -h "$path" ]; } && ! is_ours "$path"; then
            # A link that leads to one of the others is in nobody's way once that is gone, but is put aside with it.
            printf '%s\n' "$name"
        fi
    done | sort -u
}

has_group() { grep -q "^$1:" /etc/group || { command -v getent >/dev/null && getent group "$1" >/dev/null; }; }
has_user() { grep -q "^$1:" /etc/passwd || { command -v getent >/dev/null && getent passwd "$1" >/dev/null; }; }

make_users() {
    if ! has_group postrider-drop; then
        say "group postrider-drop: owns the folder in which mail waits for a runner"
        if command -v groupadd >/dev/null; then groupadd --system postrider-drop; else addgroup -S postrider-drop; fi
    fi
    if ! has_user postrider; then
        say "user postrider: is the runner"
        if command -v useradd >/dev/null; then
            useradd --system --user-group --home-dir /var/spool/postrider --no-create-home --shell /usr/sbin/nologin postrider
        else
            addgroup -S postrider
            adduser -S -D -H -h /var/spool/postrider -s /sbin/nologin -G postrider postrider
        fi
    fi
    if ! id -Gn postrider | tr ' ' '\n' | grep -qx postrider-drop; then
        say "user postrider joins group postrider-drop"
        if command -v usermod >/dev/null; then usermod --append --groups postrider-drop postrider; else addgroup postrider postrider-drop; fi
    fi
}

# own OWNER GROUP MODE PATH: the mode comes last, since chown takes the set-group-id bit away.
own() {
    if can_own "$1" "$2"; then
        chown "$1:$2" "$4"
        chmod "$3" "$4"
        return
    fi
    # Never set-group-id to a group that is not its own.
    case $3 in 2*) chmod "0${3#?}" "$4" ;; *) chmod "$3" "$4" ;; esac
    final=${4#"$DESTDIR"}
    final=${final%.new}
    left="$left    chown $1:$2 $final && chmod $3 $final
"
}
left=

can_own() { [ "$(id -u)" = 0 ] && has_user "$1" && has_group "$2"; }

# put SOURCE PATH OWNER GROUP MODE: whoever starts the program meanwhile gets the old or the new one.
put() {
    say "$2"
    mkdir -p "$(dirname "$DESTDIR$2")"
    cp "$1" "$DESTDIR$2.new"
    own "$3" "$4" "$5" "$DESTDIR$2.new"
    mv -f "$DESTDIR$2.new" "$DESTDIR$2"
}

before_anything() {
    [ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "it must run as root, or with DESTDIR"
    for program in postrider sendmail postrider-drop; do
        [ -f "$programs/$program" ] ||
            fail "$programs/$program is not there: run \"cargo build --release\" first, or name the folder with --programs"
    done
    grep -q "$PREFIX/libexec/postrider/postrider-drop" "$programs/postrider" ||
        fail "these programs look for postrider-drop elsewhere than below $PREFIX: build them by
POSTRIDER_DROP=$PREFIX/libexec/postrider/postrider-drop cargo build --release"
    [ -n "$(others)" ] || return 0
    if [ -z "$aside" ]; then
        fail "another mail program has the names that postrider needs:
$(others)
Remove its package (on Debian \"dpkg -S /usr/sbin/sendmail\" tells which), or run this again with --move-aside."
    fi
    for name in $(others); do
        say "$name -> $name.aside (another mail program's; an update of its package may bring it back)"
        mv "$DESTDIR$name" "$DESTDIR$name.aside"
    done
}

install_all() {
    before_anything
    [ -n "$DESTDIR" ] || make_users
    folders | while read -r path _; do say "$path"; mkdir -p "$DESTDIR$path"; done
    own_folders
    put_files
    names | while read -r path target; do
        say "$path -> $target"
        mkdir -p "$(dirname "$DESTDIR$path")"
        ln -sfn "$target" "$DESTDIR$path"
    done
    put_config
    put_units
    if [ -n "$left" ]; then
        say "The user or the groups are not there, or this is not root. What installs these files must still run:"
        printf '%s' "$left"
    elif [ -z "$DESTDIR" ]; then
        say_next
    fi
}

# Loops that change `left` must not run in a pipe's subshell.
own_folders() {
    while read -r path owner group mode; do own "$owner" "$group" "$mode" "$DESTDIR$path"; done <<END
$(folders)
END
}

put_files() {
    while read -r path source owner group mode; do put "$source" "$path" "$owner" "$group" "$mode"; done <<END
$(files)
END
}

put_config() {
    path=/etc/postrider/config.toml
    [ ! -e "$DESTDIR$path" ] || { say "$path stays as it is"; return; }
    put "$here/contrib/debian/config.toml" "$path" root postrider 0640
}

put_units() {
    [ -d "$here/contrib/systemd" ] || return 0
    units=$PREFIX/lib/systemd/system
    for unit in postrider.service postrider.socket; do
        [ -f "$here/contrib/systemd/$unit" ] || continue
        put "$here/contrib/systemd/$unit" "$units/$unit" root root 0644
        [ "$PREFIX" = /usr ] || { sed "s,/usr/bin/,$PREFIX/bin/," "$DESTDIR$units/$unit" >"$DESTDIR$units/$unit.new"
            mv -f "$DESTDIR$units/$unit.new" "$DESTDIR$units/$unit"; }
    done
    put "$here/contrib/tmpfiles.d/postrider.conf" "$PREFIX/lib/tmpfiles.d/postrider.conf" root root 0644
}

say_next() {
    say "Installed. Next:"
    if [ -d /run/systemd/system ]; then
        say "    systemctl daemon-reload && systemctl enable --now postrider.socket postrider.service"
    else
        say "    cp $here/contrib/init.d/postrider /etc/init.d/   and have it started at boot; without a service manager
    cp $here/contrib/cron.d/postrider /etc/cron.d/   sends every five minutes"
    fi
    say "    postrider init   asks for an account (or fill in /etc/postrider/config.toml), \"postrider check\" finds mistakes"
}

# A user whose process runs cannot be taken away.
stop() {
    [ -z "$DESTDIR" ] || return 0
    if [ -d /run/systemd/system ]; then
        systemctl disable --now postrider.socket postrider.service >/dev/null 2>&1 || :
    elif [ -x /etc/init.d/postrider ]; then
        /etc/init.d/postrider stop || :
    fi
}

take() {
    [ -e "$DESTDIR$1" ] || [ -h "$DESTDIR$1" ] || return 0
    say "$1 is taken away"
    rm -f "$DESTDIR$1"
}

uninstall_all() {
    [ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "it must run as root, or with DESTDIR"
    stop
    for path in $(names | sed 's/ .*//') "$PREFIX/bin/mailq" "$PREFIX/sbin/sendmail"; do
        # One that another mail program has put there since is that one's.
        if [ -h "$DESTDIR$path" ] || is_ours "$DESTDIR$path"; then
            { [ -e "$DESTDIR$path" ] && ! is_ours "$DESTDIR$path"; } || take "$path"
        fi
    done
    for path in $(files | sed 's/ .*//'); do [ "$path" = "$PREFIX/sbin/sendmail" ] || take "$path"; done
    for path in lib/systemd/system/postrider.service lib/systemd/system/postrider.socket lib/tmpfiles.d/postrider.conf; do
        take "$PREFIX/$path"
    done
    [ -n "$DESTDIR" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload || :
    for name in /usr/sbin/sendmail /usr/lib/sendmail "$PREFIX/bin/mailq" "$PREFIX/bin/newaliases"; do
        if [ -e "$DESTDIR$name.aside" ] || [ -h "$DESTDIR$name.aside" ]; then
            say "$name.aside -> $name"
            mv "$DESTDIR$name.aside" "$DESTDIR$name"
        fi
    done
    rm -rf "$DESTDIR$PREFIX/share/doc/postrider" "$DESTDIR/run/postrider"
    rmdir "$DESTDIR$PREFIX/libexec/postrider" 2>/dev/null || :
    if [ -z "$purge" ]; then
        say "What stays: /etc/postrider, /var/spool/postrider with the mail that waits, user and groups; --purge takes them away."
        return
    fi
    say "/etc/postrider and /var/spool/postrider are taken away, with all mail"
    rm -rf "$DESTDIR/etc/postrider" "$DESTDIR/var/spool/postrider"
    [ -n "$DESTDIR" ] || remove_users
}

remove_users() {
    if has_user postrider; then
        say "user postrider is taken away"
        if command -v userdel >/dev/null; then userdel postrider; else deluser postrider; fi
    fi
    for group in postrider postrider-drop; do
        has_group "$group" || continue
        say "group $group is taken away"
        if command -v groupdel >/dev/null; then groupdel "$group"; else delgroup "$group"; fi
    done
}

case $action in
install) install_all ;;
uninstall) uninstall_all ;;
esac
