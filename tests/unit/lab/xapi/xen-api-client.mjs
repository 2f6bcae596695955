// The unmodified client of Xen Orchestra: argv: URL, tag. Watches the pool until it sees its own change, then prints what it saw.
import { createClient } from 'xen-api'

const xapi = createClient({ url: process.argv[2], auth: { user: 'root', password: 'secret' }, watchEvents: true })
await xapi.connect()
await xapi.objectsFetched
const hosts = Object.values(xapi.objects.all).filter(({ $type }) => $type === 'host')
const seen = new Promise((resolve) => {
  xapi.objects.on('update', (changed) => {
    for (const object of Object.values(changed))
      if (object?.$type === 'pool' && object.tags.includes(process.argv[3])) resolve(object.tags)
  })
})
await xapi.call('pool.add_tags', xapi.pool.$ref, process.argv[3])
const tags = await seen
const answer = await xapi.callAsync('host.call_plugin', hosts[0].$ref, 'hello', 'greet', { name: 'world' })
process.stdout.write(JSON.stringify({ hosts: hosts.map((host) => host.name_label).sort(), tags, answer }))
await xapi.disconnect()
