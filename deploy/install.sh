#!/bin/sh
# Installs leadsync on a Debian server, or upgrades it: from this source tree, into /opt/leadsync. Run it as root.
# What it makes: a virtual environment of the system's python with exactly the packages of requirements.lock, the units,
# a first configuration where there is none, the manual page, completion for three shells. What you changed stays.
# An upgrade keeps the version before, for the way back, and a copy of the store in /var/backups/leadsync.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
source=$(dirname "$here")
home=/opt/leadsync
python=/usr/bin/python3

say() { printf 'leadsync: %s\n' "$*"; }
refuse() { printf 'leadsync: %s\n' "$*" >&2; exit 1; }

# Uses $place from now on. The way back leads to what was used before, unless that is the same once more, as where this
# was run again: then it leads where it did. What was used until now stays as well, since a daemon may still run in it.
switch() {
    was=$(readlink "$home/current" || true)
    if [ -n "$was" ] && ! diff -rq -x __pycache__ "$was"/lib/python3*/site-packages/leadsync \
        "$place"/lib/python3*/site-packages/leadsync >/dev/null 2>&1; then
        ln -sfn "$was" "$home/before"
    fi
    ln -sfn "$place" "$home/current"
    for old in "$home"/versions/*; do
        case $old in
        "$place" | "$was" | "$(readlink "$home/before" || true)") ;;
        *) rm -rf "$old" ;;
        esac
    done
}

[ "$(id -u)" = 0 ] || refuse "run it as root: sudo $0"
[ -f "$source/pyproject.toml" ] || refuse "this is not the source tree of leadsync"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    refuse "$python is missing or older than 3.11; Debian 12 has one that will do"
"$python" -c 'import ensurepip, venv' 2>/dev/null || refuse "python3-venv is missing: apt-get install python3-venv"

# Beside what is there, so that nothing is half done where a download fails. A venv cannot be moved, so each has a place
# of its own, and a link says which is used.
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$source/daemon/leadsync/__init__.py")
place=$home/versions/$version-$(date +%Y%m%d%H%M%S)
work=$(mktemp -d)
trap 'rm -rf "$work"; [ "$(readlink -f "$home/current" 2>/dev/null)" = "$place" ] || rm -rf "$place"' EXIT

say "installing $version into $place"
mkdir -p "$home/versions"
"$python" -m venv "$place"
"$place/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    -r "$here/requirements.lock"
cp -r "$source/daemon" "$source/pyproject.toml" "$source/README.md" "$source/LICENSE" "$work"
"$place/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w "$work/wheel" "$work"
"$place/bin/pip" install --quiet --disable-pip-version-check --no-deps "$work"/wheel/leadsync-*.whl
"$place/bin/python" -m compileall -q "$place/lib" || true
"$place/bin/leadsync" --version

# The store first: a newer version may bring it up to date, and an older one then refuses it.
running=no
if systemctl is-active --quiet leadsync 2>/dev/null; then running=yes; fi
store=/var/lib/private/leadsync/leadsync.db
if [ -f "$store" ]; then
    backup=/var/backups/leadsync/leadsync-$(date +%Y%m%d%H%M%S).db
    install -d -m 700 /var/backups/leadsync
    "$place/bin/python" - "$store" "$backup" <<'BACKUP'
import os, sqlite3, sys
os.umask(0o077)
with sqlite3.connect(f"file:{sys.argv[1]}?mode=rw", uri=True) as store, sqlite3.connect(sys.argv[2]) as copy:
    store.backup(copy)
BACKUP
    say "the store is copied to $backup"
fi

switch
mkdir -p "$home/bin"
ln -sf ../current/bin/leadsync "$home/bin/leadsync"
ln -sf "$home/bin/leadsync" /usr/local/bin/leadsync

install -m 644 "$here/leadsync.service" "$here/leadsync.socket" /etc/systemd/system/
install -d /usr/local/share/man/man1
if command -v help2man >/dev/null; then
    "$here/man.sh" "$home/bin/leadsync" >/usr/local/share/man/man1/leadsync.1
else
    say "no manual page was made: apt-get install help2man, then run this again"
fi
install -d /usr/share/bash-completion/completions /usr/local/share/zsh/site-functions \
    /usr/share/fish/vendor_completions.d
_LEADSYNC_COMPLETE=source_bash "$home/bin/leadsync" >/usr/share/bash-completion/completions/leadsync
# zsh looks for its mark in the first line alone.
_LEADSYNC_COMPLETE=source_zsh "$home/bin/leadsync" | sed '/./,$!d' >/usr/local/share/zsh/site-functions/_leadsync
_LEADSYNC_COMPLETE=source_fish "$home/bin/leadsync" >/usr/share/fish/vendor_completions.d/leadsync.fish

install -d -m 755 /etc/leadsync /etc/leadsync/jobs.d
install -d -m 700 /etc/leadsync/credentials
[ -e /etc/leadsync/config.toml ] || install -m 644 "$here/config.toml" /etc/leadsync/config.toml
[ -e /etc/leadsync/credentials/batchdata-token ] ||
    install -m 600 /dev/null /etc/leadsync/credentials/batchdata-token

systemctl daemon-reload
if [ "$running" = yes ]; then
    say "restarting: the pages under way are finished first"
    systemctl restart leadsync
    say "done. Back to the version before: $here/README.md, 'Rolling back'"
else
    say "done. Put the token into /etc/leadsync/credentials/batchdata-token, a job into /etc/leadsync/jobs.d, then:"
    say "  leadsync check && systemctl enable --now leadsync"
fi
