import { Refusal } from '../../core/domain/errors'

/** The scheme is the name of the datapath plug-in that xapi then calls. */
export const volumeUri = (sr: string, key: string): string => `holdfast://${sr}/${key}`

/** The volume's key in `holdfast://<sr>/<key>`. */
export function keyOfUri(uri: string): string {
  const key = /^holdfast:\/\/[^/]+\/([^/]+)$/.exec(uri)?.[1]
  if (key === undefined)
    throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: `"${uri.slice(0, 200)}" is not holdfast://<sr>/<volume>.` })
  return key
}
