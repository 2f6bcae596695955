import { Refusal } from '../../../lib/core/domain/errors'
import { keyDigest, parcelFor } from '../../../lib/dom0/api/setup-desk'
import { XapiFailure } from '../../../lib/ports/xapi'
import { fields, jsonObject, list, Malformed, text } from '../../../lib/wire/shape'
import {
  type SetupCheck,
  setupCheckOf,
  type SetupOffer,
  setupOfferOf,
  type SetupTaken,
  setupTakenOf,
} from '../../../lib/wire/setup'
import type { Survey } from '../../../lib/xapi/pool-survey'
import type { RootSession } from '../../../lib/xapi/root-session'

/** A host takes up to 20 s to start its services. A call to one that is dead would take XAPI two minutes. */
const CALL_LIMIT_MS = 40_000
const VMS_MAX = 100_000

/** The pool's hosts, asked through XAPI and their plug-in. */
export class SetupHosts {
  constructor(
    private readonly session: RootSession,
    private readonly survey: Survey,
  ) {}

  /** Of every host, or a refusal: nothing has been changed yet. */
  async offers(): Promise<ReadonlyMap<string, SetupOffer>> {
    const { hosts } = this.survey
    const asked = hosts.map(async ({ uuid }): Promise<[string, SetupOffer]> => [
      uuid,
      setupOfferOf(await this.#plugin(uuid, 'setup-offer', {})),
    ])
    return new Map(await Promise.all(asked))
  }

  /** The first host with a key that is not `key`; null: none. */
  stranger(offers: ReadonlyMap<string, SetupOffer>, key: Buffer): string | null {
    const own = keyDigest(key)
    const found = this.survey.hosts.find(({ uuid }) => ![null, own].includes(offers.get(uuid)?.keyDigest ?? null))
    return found?.name ?? null
  }

  async give(uuid: string, offer: SetupOffer, parcel: { config: string; key: Buffer; renewKey: boolean }): Promise<SetupTaken> {
    return setupTakenOf(await this.#plugin(uuid, 'setup-take', { parcel: parcelFor(offer, parcel) }))
  }

  async check(uuid: string): Promise<SetupCheck> {
    return setupCheckOf(await this.#plugin(uuid, 'setup-check', {}))
  }

  /** Names of protected VMs of which a host says otherwise, or none says so. */
  async notDecidedBy(role: 'preferred' | 'alternate'): Promise<readonly string[]> {
    const said = new Map<string, Set<unknown>>()
    for (const { uuid } of this.survey.hosts) {
      for (const one of list(jsonObject(await this.#plugin(uuid, 'status', {}))['vms'], 'vms', VMS_MAX)) {
        const { name, level, decidedBy } = fields(one, 'vm')
        if (level === 'unprotected') continue
        const heard = said.get(text(name, 'name')) ?? new Set()
        said.set(text(name, 'name'), decidedBy === undefined ? heard : heard.add(decidedBy))
      }
    }
    return [...said].filter(([, heard]) => heard.size !== 1 || !heard.has(role)).map(([name]) => name)
  }

  async #plugin(uuid: string, fn: string, args: Readonly<Record<string, string>>): Promise<string> {
    const { hosts, hostRefs } = this.survey
    const name = hosts.find((host) => host.uuid === uuid)?.name ?? uuid
    const failed = (reason: string, todo: string): Refusal => new Refusal('HOLDFAST_SETUP_LACKS', { reason, todo })
    try {
      return String(await this.session.call('host.call_plugin', [hostRefs.get(uuid), 'holdfast', fn, args], CALL_LIMIT_MS))
    } catch (error) {
      if (error instanceof Malformed) throw failed(`${name} answers in another way`, 'Install this release on every host.')
      if (!(error instanceof XapiFailure)) throw error
      if (NOT_INSTALLED.includes(error.code))
        throw failed(`${name} has no Holdfast of this release`, 'Install it there, then repeat: packaging/install.sh --root /')
      const text = error.params.length > 0 ? error.params.join(' ') : error.code
      throw failed(
        `${name} does not take part: ${text.slice(0, 500).replace(/\.$/, '')}`,
        'Mend that, then repeat; what is done already stays.',
      )
    }
  }
}

const NOT_INSTALLED = ['XENAPI_MISSING_PLUGIN', 'UNKNOWN_XENAPI_PLUGIN_FUNCTION']
