/** Plug-ins and hooks, run on the host that holds the files. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { HostOperations, Value } from '../../contract'
import { ApiError } from '../../contract'
import { text, textMap, texts } from '../../values'
import { runTool } from '../process/run'
import { pluginOutcome } from './outcome'
import { pluginRequest } from './request'

/**
 * `plugin.call` {plugin, fn, args, session} answers the plug-in's string.
 * `hook.run` {hook, argv} runs every entry of /etc/xapi.d/HOOK in byte order until one exits with neither 0 nor 1, and answers
 * {exit, stdout, script, signal} of that one, or exit 0. A script that cannot be run has exit 126; one that a signal ended -1.
 * `hook.transition` {argv} runs /etc/xensource/master.d, failures ignored.
 */
export function toolOperations(root: string): HostOperations {
  const spool = join(root, 'run/nonpersistent/forkexecd')
  return {
    'plugin.call': async ({ plugin, fn, args, session }) => {
      const folder = join(root, 'etc/xapi.d/plugins')
      const name = text(plugin)
      if (!entries(folder).includes(name)) throw new ApiError('XENAPI_MISSING_PLUGIN', name)
      return pluginOutcome(await runTool(join(folder, name), [pluginRequest(text(fn), text(session), textMap(args))], spool))
    },
    'hook.run': ({ hook, argv }) => runHook(join(root, 'etc/xapi.d', text(hook)), texts(argv), spool),
    'hook.transition': async ({ argv }) => {
      const folder = join(root, 'etc/xensource/master.d')
      for (const script of entries(folder)) await runTool(join(folder, script), texts(argv), spool)
      return ''
    },
    'extension.exists': ({ name }) => Promise.resolve(entries(join(root, 'etc/xapi.d/extensions')).includes(text(name))),
  }
}

/** Names in byte order; a folder that is not there is empty. */
function entries(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  return readdirSync(folder).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

async function runHook(folder: string, argv: string[], spool: string): Promise<Value> {
  for (const script of entries(folder)) {
    const ended = await runTool(join(folder, script), argv, spool)
    if (ended.signal !== undefined) return { exit: -1, stdout: '', script, signal: ended.signal }
    // What cannot be executed at all is reported as 126, whatever the reason.
    const exit = ended.exit === 127 && ended.stdout.length === 0 && ended.stderr.length === 0 ? 126 : (ended.exit ?? -1)
    if (exit > 1) return { exit, stdout: ended.stdout.toString(), script, signal: '' }
  }
  return { exit: 0, stdout: '', script: '', signal: '' }
}
