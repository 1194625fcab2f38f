#!/bin/sh
# Installs postrider system-wide, or removes it; for packages, DESTDIR names a folder that stands for /. "postrider check" expects the
# same owners and modes as listed here; a test compares them.
set -eu

PREFIX=${PREFIX:-/usr}
DESTDIR=${DESTDIR:-}
here=$(cd "$(dirname "$0")/.." && pwd)
programs=$here/target/release
# A release has them beside contrib.
[ ! -d "$here/programs" ] || programs=$here/programs
action=install aside= purge=

usage() {
    cat <<END
usage: [PREFIX=/usr] [DESTDIR=] contrib/install.sh [--programs DIR] [--move-aside]
       contrib/install.sh --uninstall [--purge]

  --programs DIR  the folder with the built programs (default: that of the release, or target/release)
  --move-aside    rename the files of another mail program; without this option, nothing is installed if there are any
  --uninstall     remove postrider, but keep configuration, queue, user and groups
  --purge         with --uninstall: remove these as well, including all queued mail
END
}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

say() { printf '%s\n' "$*"; }

while [ $# -gt 0 ]; do
    case $1 in
    --programs) [ $# -gt 1 ] || fail "--programs needs a folder"; programs=$2; shift ;;
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
/etc/postrider/conf.d root postrider 0750
/etc/postrider/secrets root postrider 0750
/run/postrider postrider postrider 0755
/var/lib/postrider postrider postrider 0700
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
$PREFIX/libexec/postrider/postrider-mailbox $programs/postrider-mailbox root root 0755
$PREFIX/share/doc/postrider/examples/config.toml $here/contrib/config.toml root root 0644
END
    for page in "$here"/man/*.[1-8]; do
        printf '%s %s root root 0644\n' "$PREFIX/share/man/man${page##*.}/${page##*/}" "$page"
    done
    for page in "$here"/man/ja/*.[1-8]; do
        printf '%s %s root root 0644\n' "$PREFIX/share/man/ja/man${page##*.}/${page##*/}" "$page"
    done
}

# PATH TARGET: the names under which programs and people call a mail program.
names() {
    [ "$PREFIX" = /usr ] || printf '/usr/sbin/sendmail %s/sbin/sendmail\n' "$PREFIX"
    cat <<END
/usr/lib/sendmail ../sbin/sendmail
$PREFIX/bin/mailq postrider
$PREFIX/bin/newaliases postrider
END
}

# Every program of postrider contains this string.
is_ours() { grep -q POSTRIDER_CONFIG "$1" 2>/dev/null; }

# Names that belong to another mail program.
others() {
    for name in /usr/sbin/sendmail /usr/lib/sendmail "$PREFIX/sbin/sendmail" "$PREFIX/bin/mailq" "$PREFIX/bin/newaliases"; do
        path=$DESTDIR$name
        if { [ -e "$path" ] || [ -h "$path" ]; } && ! is_ours "$path"; then
            # A link to another of these names would dangle once that is renamed, so it is renamed as well.
            printf '%s\n' "$name"
        fi
    done | sort -u
}

has_group() { grep -q "^$1:" /etc/group || { command -v getent >/dev/null && getent group "$1" >/dev/null; }; }
has_user() { grep -q "^$1:" /etc/passwd || { command -v getent >/dev/null && getent passwd "$1" >/dev/null; }; }

make_users() {
    if ! has_group postrider-drop; then
        say "group postrider-drop: owns the folder for mail submitted while the service is stopped"
        if command -v groupadd >/dev/null; then groupadd --system postrider-drop; else addgroup -S postrider-drop; fi
    fi
    if ! has_user postrider; then
        say "user postrider: runs the delivery service"
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

# own OWNER GROUP MODE PATH: the mode comes last, because chown clears the set-group-id bit.
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

# put SOURCE PATH OWNER GROUP MODE: replaces the file atomically; a program started meanwhile is the old or the new one.
put() {
    say "$2"
    mkdir -p "$(dirname "$DESTDIR$2")"
    cp "$1" "$DESTDIR$2.new"
    own "$3" "$4" "$5" "$DESTDIR$2.new"
    mv -f "$DESTDIR$2.new" "$DESTDIR$2"
}

before_anything() {
    [ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "run this as root, or set DESTDIR"
    for program in postrider sendmail postrider-drop postrider-mailbox; do
        [ -f "$programs/$program" ] ||
            fail "$programs/$program does not exist: run \"cargo build --release\" first, or name the folder with --programs"
    done
    grep -q "$PREFIX/libexec/postrider/postrider-drop" "$programs/postrider" ||
        fail "these programs expect postrider-drop in another place than $PREFIX: build them with
POSTRIDER_DROP=$PREFIX/libexec/postrider/postrider-drop cargo build --release"
    [ -n "$(others)" ] || return 0
    if [ -z "$aside" ]; then
        fail "these files belong to another mail program:
$(others)
Remove its package (on Debian, \"dpkg -S /usr/sbin/sendmail\" finds it), or run this again with --move-aside."
    fi
    for name in $(others); do
        say "$name -> $name.aside (of another mail program)"
        divert --add "$name" ||
            say "    an update of its package may restore it, and its removal may remove ours"
        # Not diverted, or diverted before and put there since: dpkg then leaves the file where it is.
        [ ! -e "$DESTDIR$name" ] && [ ! -L "$DESTDIR$name" ] || mv "$DESTDIR$name" "$DESTDIR$name.aside"
    done
}

# --add|--remove NAME: renames a file to NAME.aside, or back, and has dpkg do the same with what packages install and remove
# under that name. Fails where there is no dpkg, and where it does not know of this.
divert() {
    [ -z "$DESTDIR" ] && command -v dpkg-divert >/dev/null || return 1
    case $1 in --remove) [ "$(dpkg-divert --truename "$2" 2>/dev/null)" = "$2.aside" ] || return 1 ;; esac
    dpkg-divert --local --quiet --rename --divert "$2.aside" "$1" "$2" 2>/dev/null
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
        say "The user or the groups do not exist, or this does not run as root. After the files are installed, run:"
        printf '%s' "$left"
    elif [ -z "$DESTDIR" ]; then
        say_next
    fi
}

# Loops that change `left` must not run in a subshell, and so not in a pipe.
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
    [ ! -e "$DESTDIR$path" ] || { say "$path is left unchanged"; return; }
    put "$here/contrib/debian/config.toml" "$path" root postrider 0640
}

units='postrider.service postrider.socket postrider-drop.path postrider-submission.socket postrider-localhost.socket postrider-mailbox.socket
postrider-mailbox@.service postrider-alarm.service postrider-alarm.timer postrider-report.service postrider-report.timer'

put_units() {
    [ -d "$here/contrib/systemd" ] || return 0
    folder=$PREFIX/lib/systemd/system
    for unit in $units; do
        [ -f "$here/contrib/systemd/$unit" ] || continue
        put "$here/contrib/systemd/$unit" "$folder/$unit" root root 0644
        [ "$PREFIX" = /usr ] || { sed "s,/usr/\\(bin\\|libexec\\)/,$PREFIX/\\1/," "$DESTDIR$folder/$unit" >"$DESTDIR$folder/$unit.new"
            mv -f "$DESTDIR$folder/$unit.new" "$DESTDIR$folder/$unit"; }
    done
    put "$here/contrib/tmpfiles.d/postrider.conf" "$PREFIX/lib/tmpfiles.d/postrider.conf" root root 0644
}

say_next() {
    say "Installed. Next:"
    if [ -d /run/systemd/system ]; then
        say "    systemctl daemon-reload && systemctl enable --now postrider.socket postrider.service"
    else
        say "    cp $here/contrib/init.d/postrider /etc/init.d/   and enable it at boot; or, without a service manager,
    cp $here/contrib/cron.d/postrider /etc/cron.d/   to send every five minutes"
    fi
    say "    postrider init   asks for an account (or edit /etc/postrider/config.toml); \"postrider check\" finds mistakes"
}

# A user with running processes cannot be removed.
stop() {
    [ -z "$DESTDIR" ] || return 0
    if [ -d /run/systemd/system ]; then
        systemctl disable --now postrider-alarm.timer postrider-report.timer postrider-drop.path postrider.socket postrider-submission.socket \
            postrider-localhost.socket postrider-mailbox.socket postrider.service >/dev/null 2>&1 || :
    elif [ -x /etc/init.d/postrider ]; then
        /etc/init.d/postrider stop || :
    fi
}

take() {
    [ -e "$DESTDIR$1" ] || [ -h "$DESTDIR$1" ] || return 0
    say "removed $1"
    rm -f "$DESTDIR$1"
}

uninstall_all() {
    [ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "run this as root, or set DESTDIR"
    stop
    for path in $(names | sed 's/ .*//') "$PREFIX/bin/mailq" "$PREFIX/sbin/sendmail"; do
        # A file that another mail program has installed since then is left alone.
        if [ -h "$DESTDIR$path" ] || is_ours "$DESTDIR$path"; then
            { [ -e "$DESTDIR$path" ] && ! is_ours "$DESTDIR$path"; } || take "$path"
        fi
    done
    for path in $(files | sed 's/ .*//'); do [ "$path" = "$PREFIX/sbin/sendmail" ] || take "$path"; done
    for unit in $units; do take "$PREFIX/lib/systemd/system/$unit"; done
    take "$PREFIX/lib/tmpfiles.d/postrider.conf"
    [ -n "$DESTDIR" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload || :
    for name in /usr/sbin/sendmail /usr/lib/sendmail "$PREFIX/bin/mailq" "$PREFIX/bin/newaliases"; do
        if divert --remove "$name"; then
            say "$name is no longer kept from packages"
        elif [ -e "$DESTDIR$name.aside" ] || [ -h "$DESTDIR$name.aside" ]; then
            say "$name.aside -> $name"
            mv "$DESTDIR$name.aside" "$DESTDIR$name"
        fi
    done
    rm -rf "$DESTDIR$PREFIX/share/doc/postrider" "$DESTDIR/run/postrider"
    # What is empty then: other programs' manuals may be beside ours.
    for folder in libexec/postrider share/man/ja/man1 share/man/ja/man5 share/man/ja/man7 share/man/ja/man8 share/man/ja; do
        rmdir "$DESTDIR$PREFIX/$folder" 2>/dev/null || :
    done
    if [ -z "$purge" ]; then
        say "Kept: /etc/postrider, /var/spool/postrider with the queued mail, /var/lib/postrider, user and groups"
        say "(--purge removes them)."
        return
    fi
    say "removing /etc/postrider, /var/lib/postrider with the private CA, and /var/spool/postrider with all mail"
    rm -rf "$DESTDIR/etc/postrider" "$DESTDIR/var/lib/postrider" "$DESTDIR/var/spool/postrider"
    [ -n "$DESTDIR" ] || remove_users
}

remove_users() {
    if has_user postrider; then
        say "removed user postrider"
        if command -v userdel >/dev/null; then userdel postrider; else deluser postrider; fi
    fi
    for group in postrider postrider-drop; do
        has_group "$group" || continue
        say "removed group $group"
        if command -v groupdel >/dev/null; then groupdel "$group"; else delgroup "$group"; fi
    done
}

case $action in
install) install_all ;;
uninstall) uninstall_all ;;
esac
