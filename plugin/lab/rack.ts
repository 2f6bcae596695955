/** `rack.js DIR`: the supervisor of one lab, started by `lab up` inside the lab's outermost namespaces. */
import { applyFault, undoFault } from '../../lib/lab/rack/apply-fault'
import { serveControl } from '../../lib/lab/rack/control-server'
import { parseFault } from '../../lib/lab/faults/fault'
import { labPaths } from '../../lib/lab/rack/paths'
import { Rack } from '../../lib/lab/rack/rack'
import { readSettings } from '../../lib/lab/rack/settings'

async function main(): Promise<void> {
  const paths = labPaths(process.argv[2] ?? '')
  const settings = readSettings(paths.marker)
  if (settings === null) throw new Error(`no lab at ${paths.dir}`)
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const mine = last.then(act, act)
    last = mine
    return mine
  }
  const rack = new Rack(paths, settings, inTurn)
  const names = rack.hosts.map(({ description }) => description.name)
  await serveControl(paths.control, {
    status: () => Promise.resolve(rack.status()),
    fault: (body) => inTurn(async () => ({ text: await applyFault(rack, parseFault(body, names)) })),
    undo: (body) => inTurn(async () => ({ text: await undoFault(rack, parseFault(body, names)) })),
  })
  await inTurn(() => rack.start())
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
})
