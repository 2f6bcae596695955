/** `standing`: its vCPUs do not run, but somebody might let them: paused, shut down. `gone`: or no such domain. */
export type DomainState = 'running' | 'standing' | 'gone'

/** What a host can do to a domain without asking XAPI (which may be blocked by a dead coordinator). */
export interface DomainControl {
  state(domid: string): Promise<DomainState>
  pause(domid: string): Promise<void>
  unpause(domid: string): Promise<void>
  destroy(domid: string): Promise<void>
}
