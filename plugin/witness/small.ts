import { setFlagsFromString } from 'node:v8'

/**
 * A witness runs on small boards beside other things. Requests live for a millisecond, so a young generation that grows to 16 MiB
 * and more only keeps garbage longer; the first size of 1 MiB does. One thread is enough for the one file that it writes. Must be
 * called before anything is read or written.
 */
export function staySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  process.env['UV_THREADPOOL_SIZE'] ??= '1'
}
