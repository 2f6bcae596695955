/** What a host can do to a domain without asking XAPI (which may be blocked by a dead coordinator). */
export interface DomainControl {
  pause(domid: string): Promise<void>
  unpause(domid: string): Promise<void>
  destroy(domid: string): Promise<void>
}
