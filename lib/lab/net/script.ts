/** The wires as text for `ip -batch` (in the switch's namespace) and as shell lines (in a place's own namespace). */
import { NETWORKS, type Wire } from './plan'

/** Bridges that forward at once, learn nothing of IPv6 and need no spanning tree. */
export function switchBatch(): string {
  const lines = NETWORKS.flatMap(({ bridge }) => [
    `link add ${bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`,
    `link set ${bridge} up`,
  ])
  return ['link set lo up', ...lines, ''].join('\n')
}

/** @param pid of a process in the place, as numbered in the namespace where the batch runs */
export function plugBatch(wires: readonly Wire[], pid: number, isDown: (wire: Wire) => boolean): string {
  const lines = wires.flatMap((wire) => [
    `link add ${wire.port} type veth peer name ${wire.device} address ${wire.mac} netns ${pid}`,
    `link set ${wire.port} master ${wire.switchBridge}`,
    ...(isDown(wire) ? [] : [`link set ${wire.port} up`]),
  ])
  return [...lines, ''].join('\n')
}

export const carrierBatch = (wires: readonly Wire[], state: 'up' | 'down'): string =>
  wires.map((wire) => `link set ${wire.port} ${state}\n`).join('')

export const unplugBatch = (wires: readonly Wire[]): string => wires.map((wire) => `link del ${wire.port}\n`).join('')

/** Shell lines for the place's own namespace, run once its NICs are there. */
export function configureLines(wires: readonly Wire[], isDown: (wire: Wire) => boolean): string[] {
  const quiet = 'for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do [ -e "$f" ] && echo 1 > "$f"; done'
  const each = wires.flatMap((wire) => {
    const top = wire.bridge ?? wire.device
    return [
      ...(wire.bridge === null
        ? []
        : [
            `ip link add ${wire.bridge} address ${wire.mac} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`,
            `ip link set ${wire.device} master ${wire.bridge}`,
          ]),
      ...(isDown(wire) ? [] : [`ip link set ${wire.device} up`]),
      ...(wire.address === '' ? [] : [`ip address add ${wire.address}/24 dev ${top}`]),
      ...(wire.bridge === null ? [] : [`ip link set ${wire.bridge} up`]),
    ]
  })
  return [quiet, 'ip link set lo up', ...each, quiet]
}
