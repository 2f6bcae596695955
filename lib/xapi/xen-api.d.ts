/** The part of npm xen-api that is used here; the package brings no types. */
declare module 'xen-api' {
  export class Xapi {
    constructor(options: {
      readonly url: string
      readonly auth: { readonly user: string; readonly password: string }
      readonly transport: string
      readonly watchEvents: false
    })
    readonly status: 'connected' | 'connecting' | 'disconnected'
    /** Throws unless connected. */
    readonly sessionId: string
    connect(): Promise<void>
    disconnect(): Promise<void>
  }
}

declare module 'xen-api/transports/index.mjs' {
  type Call = (method: string, args: readonly unknown[]) => Promise<unknown>
  /** By the name that the option `transport` gives. */
  const transports: Record<string, (options: { readonly url: { readonly hostname: string; readonly port?: string } }) => Call>
  export default transports
}
