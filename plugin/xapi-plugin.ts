/**
 * /etc/xapi.d/plugins/holdfast. One methodCall in the only argument, one methodResponse on stdout, exit status always 0: xapi
 * shows nothing of ours for another. Standard input is not open for reading and must not be touched.
 */
import { asker, daemonSocket } from '../lib/dom0/api/daemon-client'
import { answerPluginCall, PLUGIN_LIMIT_S } from '../lib/dom0/api/plugin-call'
import { setupCalls } from './setup-calls'

const ask = asker(daemonSocket(process.env), PLUGIN_LIMIT_S.usual * 1000)
void answerPluginCall(process.argv.slice(2), ask, setupCalls(ask)).then((response) => process.stdout.write(response))
