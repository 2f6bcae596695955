/**
 * What runs inside the guest: busybox init, a redis that answers only after its write is on the disk, a program that keeps records there,
 * and nothing else.
 * A blank disk is formatted, but only one that could be read and holds zeroes: an unreadable disk is never taken for a blank one.
 */
import { MODULES } from './recipe'

const inittab = `::sysinit:/etc/start
::respawn:/etc/serve
::respawn:/etc/serve-records
::respawn:/bin/acpid -f -c /etc/acpi -l /run/acpid.log
ttyS0::respawn:-/bin/sh
`

const start = `#!/bin/sh
say() { echo "holdfast-guest: $*"; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in ${MODULES.join(' ')}; do insmod /lib/modules/$module.ko; done
echo 1 > /proc/sys/vm/overcommit_memory
ip link set lo up
for word in $(cat /proc/cmdline); do
  case $word in
    holdfast.ip=*)
      ip addr add "\${word#holdfast.ip=}" dev eth0
      ip link set eth0 up
      address=\${word#holdfast.ip=}
      # So that switches learn at once where this machine is now.
      arping -q -A -c 2 -I eth0 "\${address%/*}" &
      ;;
  esac
done
if [ ! -b /dev/vda ]; then say "no disk, data is kept in memory"; exit 0; fi
dd if=/dev/zero of=/run/zeroes bs=4096 count=16 2>/dev/null
if ! dd if=/dev/vda of=/run/head bs=4096 count=16 2>/dev/null; then say "cannot read the disk"; exit 1; fi
if cmp -s /run/head /run/zeroes; then
  say "the disk is blank, making a file system"
  mkfs.ext4 -q -F -i 65536 -E nodiscard,lazy_itable_init=0 /dev/vda || say "mkfs failed"
else
  e2fsck -p /dev/vda
  [ $? -lt 4 ] || say "the file system needs repair by hand"
  resize2fs /dev/vda 2>/dev/null || say "the file system was not grown"
fi
mount -t ext4 /dev/vda /data || say "cannot mount the disk"
`

const serve = `#!/bin/sh
if [ -d /run/halting ]; then exec sleep 3600; fi
if [ -b /dev/vda ] && ! grep -q ' /data ext4 ' /proc/mounts; then sleep 1; exit 1; fi
(
  until [ "$(redis-cli ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
  echo "holdfast-guest: ready"
) &
exec redis-server --bind 0.0.0.0 --protected-mode no --dir /data --save '' --appendonly yes --appendfsync always \\
  --auto-aof-rewrite-percentage 0 --loglevel warning
`

const serveRecords = `#!/bin/sh
if [ -d /run/halting ] || [ ! -b /dev/vda ]; then exec sleep 86400; fi
if ! grep -q ' /data ext4 ' /proc/mounts; then sleep 1; exit 1; fi
mkdir -p /data/records
exec nc -ll -p 7000 -e /etc/records
`

const records = `#!/bin/sh
while read verb slot text; do
  case $verb in
    write)
      if yes "$text" | dd of=/data/records/$slot bs=65536 count=1 iflag=fullblock conv=notrunc,fsync status=none
      then echo "written $slot"
      else echo "failed $slot"
      fi
      ;;
    read) dd if=/data/records/$slot bs=65536 iflag=direct status=none | sha256sum | head -c 64; echo ;;
  esac
done
`

const halt = `#!/bin/sh
mkdir /run/halting 2>/dev/null || exit 0
echo "holdfast-guest: going down for $1"
redis-cli shutdown nosave >/dev/null 2>&1
umount /data
sync
busybox "$1" -f
`

const stop = (verb: string): string => `#!/bin/sh
exec /etc/halt ${verb}
`

/** Path in the guest -> text and mode. */
export const SCRIPTS: Readonly<Record<string, { readonly text: string; readonly mode: number }>> = {
  'etc/inittab': { text: inittab, mode: 0o644 },
  'etc/start': { text: start, mode: 0o755 },
  'etc/serve': { text: serve, mode: 0o755 },
  'etc/serve-records': { text: serveRecords, mode: 0o755 },
  'etc/records': { text: records, mode: 0o755 },
  'etc/halt': { text: halt, mode: 0o755 },
  'bin/poweroff': { text: stop('poweroff'), mode: 0o755 },
  'bin/reboot': { text: stop('reboot'), mode: 0o755 },
  'etc/acpi/PWRF/00000080': { text: stop('poweroff'), mode: 0o755 },
}
