import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runXe } from '../../../../lib/lab/xe/run-xe'
import { LoopbackPool, SHORT_TIMES } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import type { LoopbackHost } from '../../../../lib/lab/xapi/conformance/loopback-pool'

const ANSWER =
  '<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member><member><name>Value</name><value>%s</value></member></struct></value></param></params></methodResponse>'

describe('xe', () => {
  let pool: LoopbackPool
  let head: LoopbackHost
  let member: LoopbackHost

  beforeAll(async () => {
    pool = await LoopbackPool.make(['h1', 'h2'], 'secret', SHORT_TIMES)
    const [first, second] = pool.hosts
    if (first === undefined || second === undefined) throw new Error('two hosts were asked for')
    ;[head, member] = [first, second]
    for (const host of pool.hosts) {
      const folder = join(host.root, 'etc/xapi.d/plugins')
      mkdirSync(folder, { recursive: true })
      // Answers the members of its arguments, as they stand in argv.
      const script = `arg=$(printf %s "$1" | sed -e 's/.*<struct>//' -e 's/<.struct>.*//' -e 's/&/\\&amp;/g' -e 's/</\\&lt;/g')`
      writeFileSync(join(folder, 'echo'), `#!/bin/sh\n${script}\nprintf '${ANSWER}' "$arg"\n`)
      writeFileSync(join(folder, 'broken'), '#!/bin/sh\necho out; echo err >&2; exit 1\n')
      for (const name of ['echo', 'broken']) chmodSync(join(folder, name), 0o755)
      await pool.powerOn(host)
    }
  })
  afterAll(() => pool.close())

  const xe = (line: string, host: LoopbackHost = head): ReturnType<typeof runXe> => runXe(line.split(' '), host.socketPath)
  const out = async (line: string, host?: LoopbackHost): Promise<string> => {
    const { exit, stdout, stderr } = await xe(line, host)
    expect({ line, exit, stderr }).toEqual({ line, exit: 0, stderr: '' })
    return stdout
  }
  const fails = async (line: string): Promise<string> => {
    const { exit, stdout, stderr } = await xe(line)
    expect({ line, exit, stdout }).toEqual({ line, exit: 1, stdout: '' })
    return stderr
  }
  const uuidOf = (host: LoopbackHost): string => host.description.uuid

  test('lists are aligned, minimal ones are joined by commas', async () => {
    expect(await out('host-list --minimal')).toBe(`${uuidOf(head)},${uuidOf(member)}\n`)
    expect(await out('host-list name-label=h2 params=uuid,name-label,address', member)).toBe(
      `uuid ( RO)          : ${uuidOf(member)}\n    name-label ( RW): h2\n       address ( RO): ${member.address}\n\n\n`,
    )
    expect(await out('host-list uuid=nope')).toBe('')
    expect(await out('host-list uuid=nope --minimal')).toBe('\n')
    expect(await fails('host-list bogus=1')).toBe("Error: Unknown field 'bogus'\n")
    expect(await out('pool-list params=master --minimal')).toBe(`${uuidOf(head)}\n`)
    expect(await out('vm-list is-control-domain=true power-state=running params=name-label --minimal')).toBe(
      'Control domain on host: h1,Control domain on host: h2\n',
    )
  })

  test('parameters are read and changed', async () => {
    const uuid = (await out('pool-list --minimal')).trim()
    await out(`pool-param-set uuid=${uuid} name-label=here other-config:a:b=c=d`)
    expect(await out(`pool-param-get uuid=${uuid} param-name=name-label`)).toBe('here\n')
    expect(await out(`pool-param-get uuid=${uuid} param-name=other-config`)).toBe('a:b: c=d\n')
    expect(await out(`pool-param-get uuid=${uuid} param-name=other-config param-key=a:b`)).toBe('c=d\n')
    expect(await fails(`pool-param-get uuid=${uuid} param-name=other-config param-key=x`)).toBe('Error: Key x not found in map\n')
    expect(await fails(`pool-param-set uuid=${uuid} other-config=x`)).toContain('is a map or set')
    expect(await fails(`pool-param-set uuid=${uuid} master=x`)).toBe("Error: Field 'master' is read-only.\n")
    await out(`pool-param-add uuid=${uuid} param-name=tags param-key=one`)
    await out(`pool-param-add uuid=${uuid} param-name=tags param-key=two`)
    expect(await out(`pool-param-get uuid=${uuid} param-name=tags`)).toBe('one, two\n')
    await out(`pool-param-remove uuid=${uuid} param-name=tags param-key=one`)
    expect(await fails(`pool-param-remove uuid=${uuid} param-name=tags param-key=one`)).toBe('Error: Key one is not in the set\n')
    await out(`pool-param-clear uuid=${uuid} param-name=other-config`)
    await out(`pool-param-add uuid=${uuid} param-name=other-config k=v`)
    expect(await fails(`pool-param-add uuid=${uuid} param-name=other-config k=w`)).toContain('param_name: other_config\n')
    expect(await out(`pool-param-list uuid=${uuid}`)).toContain('other-config (MRW): k: v\n')
  })

  test('plug-ins are called on the host named, with arguments from the line and from files', async () => {
    writeFileSync(join(pool.folder, 'arg'), 'line 1\n<&>')
    const call = `host-call-plugin host-uuid=${uuidOf(member)} plugin=echo fn=x`
    expect(await out(`${call} args:k=a=b args:novalue stray=1`)).toBe(
      '<member><name>k</name><value>a=b</value></member><member><name>novalue</name><value/></member>\n',
    )
    expect(await out(`${call} args:f:file=${pool.folder}/arg`)).toBe(
      '<member><name>f</name><value>line 1\n&lt;&amp;&gt;</value></member>\n',
    )
    expect(await fails(`${call} args:f:file=/no/such/file`)).toBe('Failed to read file /no/such/file\n')
    expect(await fails(`host-call-plugin host-uuid=${uuidOf(head)} plugin=broken fn=x`)).toMatch(
      /^.+\nstatus: non-zero exit\nstdout: out\n\nstderr: err\n\n$/,
    )
    expect(await fails(`host-call-plugin host-uuid=${uuidOf(head)} plugin=absent fn=x`)).toMatch(/^.+\nname: absent\n$/)
    expect(await fails('host-call-plugin plugin=echo fn=x')).toBe(
      "Required parameter not found: host-uuid\nFor usage run: 'xe help'\n",
    )
    expect(await fails('host-call-plugin host-uuid=nope plugin=echo fn=x')).toMatch(/^.+\ntype: host\nuuid: nope\n$/)
  })

  test('a machine is refused in words', async () => {
    expect(await fails('vm-start uuid=nope')).toBe('Error: No matching VMs found\n')
    expect(await fails('vm-reset-powerstate uuid=nope')).toContain('--force')
    expect(await fails('nosuch-command')).toBe("Unknown command: nosuch-command\nFor usage run: 'xe help'\n")
    const dom0 = (await out('vm-list is-control-domain=true --minimal')).trim().split(',')[0] ?? ''
    expect(await fails(`vm-start uuid=${dom0}`)).not.toBe('')
  })

  test('messages', async () => {
    await out(`message-create host-uuid=${uuidOf(head)} name=LAB priority=3 body=hello`)
    expect(await out('message-list name=LAB params=class,obj-uuid,body')).toBe(
      `class ( RO)       : Host\n    obj-uuid ( RO): ${uuidOf(head)}\n        body ( RO): hello\n\n\n`,
    )
    const uuid = (await out('message-list name=LAB --minimal')).trim()
    await out(`message-destroy uuid=${uuid}`)
    expect(await fails(`message-destroy uuid=${uuid}`)).toMatch(/^.+\ntype: message\nuuid: .+\n$/)
  })

  test('emergency commands work on the host itself', async () => {
    expect(await out('host-is-in-emergency-mode', member)).toBe('false\n')
    expect(await out('pool-emergency-transition-to-master')).toContain('--force')
    expect(await out('pool-recover-slaves')).toBe(`${uuidOf(member)}\n`)
  })

  test('a server may be named instead of the socket', async () => {
    const line = `-s ${head.address} -p ${pool.port} -u root -pw`
    expect(await out(`${line} secret host-list --minimal`)).toContain(uuidOf(head))
    expect(await fails(`${line} wrong host-list`)).toContain('Authentication failed')
    expect(await fails(`-s ${member.address} -p ${pool.port} -u root -pw secret host-list`)).toContain(
      `Master IP address: ${head.address}`,
    )
  })
})
