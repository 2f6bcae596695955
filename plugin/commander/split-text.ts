import type { SplitDisk, SplitExports, SplitReport } from '../../lib/wire/split-report'
import { bytes } from './quantities'
import { filled, table } from './table'

/** What an operator reads before deciding which history is wanted. */
export function splitText(report: SplitReport): string {
  const { name, holder, term, state, why } = report
  if (state === 'none')
    return filled(`${name}: no split. Both replicas belong to one history.${why === '' ? '' : ` They have not met: ${why}.`}`, '')
  if (state === 'unknown') return filled(`${name}: no split is known, because the two replicas have not met: ${why}.`, '')
  const split = report.disks.filter(({ rule }) => rule !== null)
  const [refused = '?'] = split.map((disk) => disk.refused)
  const first = `${name}: two histories. ${holder} holds the claim (term ${term}); the replica of ${refused} is left as it is (rule ${split[0]?.rule ?? '?'}).`
  return [
    filled(first, ''),
    historiesText(split),
    split.some(({ comparison }) => comparison !== null)
      ? differencesText(split)
      : filled(`What differs is not known, because the two replicas have not met: ${why}.`, ''),
    servedText(report),
    filled(`To copy either one away: holdfast split ${name} --export HOST`, ''),
    filled(`To keep one and give the other up: holdfast split ${name} --keep HOST`, ''),
  ]
    .filter((text) => text !== '')
    .join('\n')
    .replace(/\n\n(To keep)/, '\n$1')
}

const historiesText = (disks: readonly SplitDisk[]): string =>
  table(
    ['DISK', 'HOST', 'PARTED', 'HISTORY BEGAN', 'CHANGED SINCE', 'TERM', ''],
    disks.flatMap(({ device, refused, histories }) =>
      histories.map((each) => [
        device,
        each.host,
        each.parted || '-',
        each.began || '-',
        bytes(each.changedBytes),
        String(each.term),
        each.host === refused ? 'left as it is' : 'serves',
      ]),
    ),
  )

function differencesText(disks: readonly SplitDisk[]): string {
  const compared = disks.flatMap(({ device, comparison }) => (comparison === null ? [] : [{ device, ...comparison }]))
  const rows = compared.flatMap(({ device, ranges }) =>
    ranges.map(({ offset, length, by }) => [device, String(offset), String(length), by.join(' and ') || 'not known']),
  )
  const total = compared.reduce((sum, { differingBytes }) => sum + differingBytes, 0)
  const listed = rows.reduce((sum, [, , length]) => sum + Number(length), 0)
  const stopped = compared.find(({ state }) => state === 'stopped')
  const less = stopped === undefined ? '' : ` The comparison stopped: ${stopped.why}.`
  const more = listed < total ? `and ${bytes(total - listed)} more, not listed\n` : ''
  const sum = total === 0 && less === '' ? 'Nothing differs.' : `${bytes(total)} differ.`
  return `${rows.length === 0 ? '' : table(['DISK', 'OFFSET', 'BYTES', 'CHANGED ON'], rows)}${more}${sum}${less}\n`
}

function servedText({ served, claims }: SplitReport): string {
  const stretches = served.map(({ host, from, to, over, term, writes, writtenBytes }) => [
    host,
    second(from),
    `${over ? '' : 'at least '}${second(to)}`,
    String(term),
    String(writes),
    bytes(writtenBytes),
  ])
  const taken = claims.map(({ at, host, term, rule }) => [second(at), host, String(term), rule])
  const alone =
    stretches.length === 0
      ? 'No host has told that it served the guest alone.\n'
      : table(['SERVED ALONE BY', 'FROM', 'TO', 'TERM', 'CHANGES', 'BYTES'], stretches)
  return `${alone}${taken.length === 0 ? '' : `\n${table(['CLAIM', 'HOST', 'TERM', 'RULE'], taken)}`}`
}

const second = (iso: string): string => `${iso.slice(0, 19)}Z`

/** What is lost by keeping the history of `host`. */
export function atStakeText({ disks, hosts }: SplitReport, host: string, discard: boolean): string {
  const split = disks.filter(({ rule }) => rule !== null)
  const others = split.flatMap(({ histories }) => histories.filter((each) => each.host !== host))
  const changed = others.reduce((sum, { changedBytes }) => sum + changedBytes, 0)
  const [lost = 'the other host'] = others.map((each) => each.host)
  const aside = discard ? 'No copy of it is kept.' : 'A copy of it is kept beside it.'
  const first = hosts.some((each) => each.host === host && each.holder) ? '' : ' The VM has to be shut down first.'
  return `The guest loses what ${lost} alone has: at most ${bytes(changed)} in ${split.length} ${split.length === 1 ? 'disk' : 'disks'}. ${aside}${first}`
}

export function exportsText(name: string, { host, disks }: SplitExports, ended: boolean): string {
  if (ended) return `${name}: the replica of ${host} is no longer served.\n`
  const rows = disks.map(({ device, socket, exportName }) => `disk ${device}:\n  nbd+unix:///${exportName}?socket=${socket}\n`)
  return `${name}: the replica of ${host}, read-only, on that host:\n${rows.join('')}Copy one there: qemu-img convert -O raw URI FILE. Then end it: holdfast split ${name} --export ${host} --end\n`
}
