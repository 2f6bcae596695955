import { CLIENT_WIRES, HOSTS_MAX, hostName, hostNics, hostWires, WITNESS_WIRES } from '../../../../lib/lab/net/plan'

const ALL = [
  ...Array.from({ length: HOSTS_MAX }, (_, index) => hostWires(hostName(index + 1), hostNics(index + 1))).flat(),
  ...CLIENT_WIRES,
  ...WITNESS_WIRES.witness,
  ...WITNESS_WIRES.alternate,
]

test('in the largest lab no two wires share a port, a MAC or an address', () => {
  for (const facts of [
    ALL.map(({ port }) => port),
    ALL.map(({ mac }) => mac),
    ALL.map(({ address }) => address).filter((a) => a !== ''),
  ]) {
    expect(new Set(facts).size).toBe(facts.length)
  }
})

test("a port's name fits the kernel's 15 characters", () => {
  expect(ALL.filter(({ port }) => port.length > 15)).toEqual([])
})

test('a host has the four NICs of a XenServer host with its bridges, and no address on production', () => {
  expect(hostNics(2).map(({ device, bridge, network, address }) => [device, bridge, network, address])).toEqual([
    ['eth0', 'xenbr0', 'management', '10.77.0.2'],
    ['eth1', 'xenbr1', 'alink0', '10.77.1.2'],
    ['eth2', 'xenbr2', 'alink1', '10.77.2.2'],
    ['eth3', 'xenbr3', 'production', ''],
  ])
})
