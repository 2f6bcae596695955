/** Whether this host can keep waiting copies of VMs: docs/reference/lockstep-host.md. */
export interface StandbyHostProbe {
  /** Null: it can. Otherwise what it lacks, a sentence's end. Rejects with the host's own words when it does not tell. */
  lacks(): Promise<string | null>
}
