/** /etc/xapi.d/<hook>/50-holdfast: one executable for all hooks; the name of its folder says which one runs. */
import { basename, dirname } from 'node:path'
import { asker, daemonSocket } from '../lib/dom0/api/daemon-client'
import { HOOK_LIMIT_MS, runHook } from '../lib/dom0/api/hook-call'

const [, script = '', ...argv] = process.argv
void runHook(basename(dirname(script)), argv, asker(daemonSocket(process.env), HOOK_LIMIT_MS)).then(({ exit, text }) => {
  process.exitCode = exit
  if (text !== '') process.stdout.write(`${text}\n`)
})
