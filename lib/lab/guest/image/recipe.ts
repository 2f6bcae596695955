/** Which Debian packages the guest is made of, and what is taken out of them. */

/** The meta package whose dependency is the versioned kernel. */
export const KERNEL_META_PACKAGE = 'linux-image-cloud-amd64'

export const PACKAGES: readonly string[] = [
  'busybox-static',
  'redis-tools',
  'e2fsprogs',
  'libatomic1',
  'libblkid1',
  'libc6',
  'libcap2',
  'libcom-err2',
  'libext2fs2',
  'libgcc-s1',
  'libgcrypt20',
  'libgpg-error0',
  'libjemalloc2',
  'liblz4-1',
  'liblzf1',
  'liblzma5',
  'libssl3',
  'libstdc++6',
  'libsystemd0',
  'libuuid1',
  'libzstd1',
]

/** Kernel modules in the order they are inserted. */
export const MODULES: readonly string[] = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_blk',
  'failover',
  'net_failover',
  'virtio_net',
  'button',
  'evdev',
  'pvpanic',
  'pvpanic-pci',
]

/** Path in the guest -> path in the extracted packages. The server is a symlink to this name in Debian's package. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  'bin/redis-server': 'usr/bin/redis-check-rdb',
  'bin/redis-cli': 'usr/bin/redis-cli',
  'bin/mkfs.ext4': 'sbin/mke2fs',
  'bin/e2fsck': 'sbin/e2fsck',
  'bin/resize2fs': 'sbin/resize2fs',
}

export const APPLETS: readonly string[] =
  'acpid arping cat cmp dd dmesg echo grep head init insmod ip kill ls mkdir mount nc ps sh sha256sum sleep sync tail umount yes'.split(
    ' ',
  )

export const LOADER = 'lib64/ld-linux-x86-64.so.2'
export const LIBRARY_DIRECTORIES: readonly string[] = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']
