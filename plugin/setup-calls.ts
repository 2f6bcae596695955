import { Refusal } from '../lib/core/domain/errors'
import { PATHS } from '../lib/core/domain/layout'
import type { Ask } from '../lib/dom0/api/daemon-client'
import type { OwnFunctions } from '../lib/dom0/api/plugin-call'
import { readPoolKey } from '../lib/dom0/witness/pool-keys'
import { quietLog } from '../lib/dom0/log/quiet-log'
import { startServices } from '../lib/dom0/process/services'
import { boxPath, SetupDesk, textIn } from '../lib/dom0/api/setup-desk'
import { WitnessUnreachable } from '../lib/ports/witness'
import { type HoldfastConfig, holdfastConfig } from '../lib/wire/config'
import type { SetupCheck, WitnessCheck } from '../lib/wire/setup'
import { isRoots } from '../lib/xapi/root-session'
import { connectWitnessOf } from './connect-witness'
import { PRODUCT_VERSION } from './product-version'
import { thisHost } from './this-host'

const WITNESS_LIMIT_MS = 4000
const LOOK_AGAIN_MS = 100

/** What `holdfast setup` asks of each host. A vm-operator may call a plug-in, too: only root's session is heard. */
export const setupCalls = (ask: Ask): OwnFunctions => ({
  'setup-offer': async ({ fn, session }) => {
    await onlyRoot(fn, session)
    return desk().offer()
  },
  'setup-take': async ({ fn, session, args }) => {
    await onlyRoot(fn, session)
    const taken = await desk().take(args.get('parcel') ?? '')
    await startServices(taken.config === 'written' || taken.key === 'written')
    return taken
  },
  'setup-check': async ({ fn, session }) => {
    await onlyRoot(fn, session)
    return checked(ask)
  },
})

const desk = (): SetupDesk => new SetupDesk({ ...PATHS, box: boxPath(PATHS.run), host: thisHost(), version: PRODUCT_VERSION })

async function onlyRoot(fn: string, session: string): Promise<void> {
  if (!(await isRoots({ socketPath: PATHS.xapiSocket }, session))) throw new Refusal('HOLDFAST_ROOT_ONLY', { fn })
}

async function checked(ask: Ask): Promise<SetupCheck> {
  const json = textIn(PATHS.config)
  const config = json === null ? null : holdfastConfig(json)
  const addresses = config === null ? [] : [config.witness, config.alternateWitness].filter((address) => address !== null)
  const witnesses = config === null ? [] : addresses.map((address) => troubleOf(config, address))
  return { daemon: await daemonOf(ask), witnesses: await Promise.all(witnesses) }
}

async function daemonOf(ask: Ask): Promise<string | null> {
  try {
    return (await ask('version', {})).version
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}

const troubleText = (message: string): string =>
  message.includes('SSL alert') ? "It has another key than this pool's, or none." : message.slice(0, 300)

/** By asking it, as the daemon does; under a name of its own, or the daemon would lose its connection. */
async function troubleOf({ pool, witnessTls }: HoldfastConfig, address: string): Promise<WitnessCheck> {
  const secret = { pool, key: readPoolKey(PATHS.poolKey) }
  const witness = connectWitnessOf({ address, tls: witnessTls, secret, client: `setup ${thisHost()}`, log: quietLog })
  const untilMs = performance.now() + WITNESS_LIMIT_MS
  try {
    for (;;) {
      try {
        await witness.read(pool)
        return { address, trouble: '' }
      } catch (error) {
        if (!(error instanceof WitnessUnreachable)) throw error
        if (performance.now() > untilMs) return { address, trouble: troubleText(error.message) }
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
      }
    }
  } finally {
    witness.close()
  }
}
