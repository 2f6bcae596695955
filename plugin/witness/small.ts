import { setFlagsFromString } from 'node:v8'
import { giveBackText } from '../../lib/dom0/witness/give-back-text'
import { loadNativePages } from '../../lib/dom0/witness/native-pages'

/** By then it serves, and hosts have come back to it. */
const FIRST_MS = 3000
/** What ran again meanwhile is 2 to 5 MB more; oftener would cost more than it brings. */
const AGAIN_MS = 60_000

/**
 * A witness runs on small boards beside other things. Requests live for a millisecond, so a young generation that grows to 16 MiB
 * and more only keeps garbage longer; the first size of 1 MiB does. One thread is enough for the one file that it writes. Must be
 * called before anything is read or written.
 */
export function staySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  process.env['UV_THREADPOOL_SIZE'] ??= '1'
}

/** Gives back what of Node ran once, soon and then now and again. Without the addon it stays. */
export function giveBackNowAndAgain(): void {
  const pages = loadNativePages()
  if (pages === null) return
  setTimeout(() => giveBackText(pages), FIRST_MS).unref()
  setInterval(() => giveBackText(pages), AGAIN_MS).unref()
}
