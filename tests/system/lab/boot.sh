#!/bin/bash
# Boots a real systemd as PID 1 of its own namespaces, over a view of this machine's / to which nothing is written.
# boot.sh DIR [SRC:DST]...   serves until it is killed, and takes its control group away; needs root.
# DIR/launcher holds the process whose child is the lab's PID 1. Each SRC is seen at DST. The network is the machine's own.
set -euo pipefail
dir=$1; shift

if [ "${LAB_STAGE:-}" = "" ]; then
    export LAB_STAGE=outer
    exec unshare --mount --propagation private -- bash "$0" "$dir" "$@"
fi

if [ "$LAB_STAGE" = outer ]; then
    # A control group of our own: systemd takes the one that it starts in for the root of all.
    mkdir -p "$dir/groups" "$dir/disk"
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$dir/groups"
    group=$dir/groups/leadsync-lab.$$; home=$dir/groups$(sed -n 's/^0:://p' /proc/self/cgroup)
    mkdir "$group"; echo $$ >"$group/cgroup.procs"
    LAB_STAGE=inner unshare --mount --pid --ipc --uts --cgroup --fork --kill-child -- bash "$0" "$dir" "$@" &
    echo $! >"$dir/launcher"
    trap 'kill -KILL $! 2>/dev/null' TERM INT
    wait $! || wait $! || true
    echo $$ >"$home/cgroup.procs" || echo $$ >"$dir/groups/cgroup.procs"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
    exit 0
fi

# From here on we are PID 1 of the lab.
mount -t tmpfs -o mode=755 lab "$dir/disk"
root=$dir/disk/root
mkdir "$dir"/disk/{upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$dir/disk/upper,workdir=$dir/disk/work" lab "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for file in sys sysrq-trigger; do # these are the machine's own kernel
    [ -e "$root/proc/$file" ] || continue
    mount --bind "$root/proc/$file" "$root/proc/$file"
    mount -o remount,bind,ro "$root/proc/$file"
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o nosuid,mode=755 dev "$root/dev"
for file in null zero full random urandom tty; do
    touch "$root/dev/$file"; mount --bind "/dev/$file" "$root/dev/$file"
done
mkdir "$root"/dev/{shm,pts,mqueue}
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"; ln -s pts/ptmx "$root/dev/ptmx"
mount -t mqueue mqueue "$root/dev/mqueue"
ln -s /proc/self/fd "$root/dev/fd"
touch "$root/dev/console"; mount --bind /dev/null "$root/dev/console"
for folder in run tmp var/tmp dev/shm; do mount -t tmpfs -o nosuid,nodev,mode=1777 tmp "$root/$folder"; done
chmod 755 "$root/run"
for pair in "$@"; do
    mkdir -p "$root/${pair#*:}"; mount --rbind "${pair%%:*}" "$root/${pair#*:}"
done
# Nothing of what this machine would start belongs here, but the journal does.
rm -rf "$root"/{lib,etc}/systemd/system/*.wants "$root/var/log/journal"
: >"$root/etc/fstab"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
printf '[Unit]\nWants=systemd-journald.service\nRequires=basic.target\nAfter=basic.target\n' >"$root/etc/systemd/system/lab.target"
mkdir "$root/run/old"; cd "$root"; pivot_root . run/old; cd /
umount -l /run/old; rmdir /run/old
mount --make-rshared / # else LoadCredential= gives an empty folder, and says nothing
exec env -i container=leadsync-lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --log-target=journal --show-status=no --unit=lab.target
