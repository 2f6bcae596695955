/** `host:port`, an IPv6 host in brackets. Throws TypeError. */
export function hostAndPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) throw new TypeError(`not host:port: ${JSON.stringify(text.slice(0, 100))}`)
  return { host, port }
}
