/** Where things are on a host. One place, because plug-ins, hooks, daemon, worker and installer must agree. */
export const PATHS = {
  /** JSON, see wire/config.ts. Made by `holdfast setup`, which makes it again where an upgrade of the host took /etc away. */
  config: '/etc/holdfast/config.json',
  /** 32 random bytes in hex, mode 0600: authenticates every socket between hosts and the witness. */
  poolKey: '/etc/holdfast/pool.key',
  inventory: '/etc/xensource-inventory',
  poolConf: '/etc/xensource/pool.conf',
  xapiSocket: '/var/lib/xcp/xapi',
  run: '/run/holdfast',
  daemonSocket: '/run/holdfast/daemon.sock',
  /** One folder per worker: spec.json, control.sock, worker.log, and one NBD socket per volume. */
  workers: '/run/holdfast/workers',
  /** On tmpfs, a folder for each VM in lockstep: states on their way, and sockets between QEMU and the worker. */
  checkpoints: '/dev/shm/holdfast',
  /** Sockets and logs of the fronts that keep the connections of disk clients. */
  fronts: '/run/holdfast/fronts',
  /** SRs attached on this host since it booted: <sr uuid>.json */
  attachedSrs: '/run/holdfast/srs',
  /** The same, through boots: for one whose XAPI has no coordinator to attach them. */
  rememberedSrs: '/var/lib/holdfast/srs',
  /** Timeline files, one per writer. */
  timeline: '/var/lib/holdfast/timeline',
  /** Which hosts an operator has confirmed to be off. */
  fences: '/var/lib/holdfast/fences',
  /** What was agreed about two witnesses, a note for each VM. */
  claims: '/var/lib/holdfast/claims',
  bin: '/opt/holdfast/bin',
} as const

export const PORTS = {
  /** UDP, on management and every A-link. */
  heartbeat: 7789,
  /** TLS-PSK, daemon to daemon (HTTP). */
  daemon: 7790,
  /** TLS-PSK, worker to worker: first and last port a secondary worker may listen on. */
  peerFirst: 7800,
  peerLast: 7999,
  /** TLS-PSK, default port of a witness. */
  witness: 7788,
} as const
