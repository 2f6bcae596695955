/** What is measured: something that serves one disk over NBD on a unix socket. */
export interface SubjectKind {
  readonly name: string
  readonly text: string
  /** `mirror` is Holdfast; the better one of the peers counts; the floor keeps one copy only. */
  readonly part: 'mirror' | 'peer' | 'floor'
  /** Why it cannot be measured in this setting; null when it can. */
  unable(setting: Setting): string | null
  /** Answers when the disk can be used and every copy of it is complete. */
  start(setting: Setting, disk: BenchDisk): Promise<Subject>
}

export interface Setting {
  readonly place: 'tmpfs' | 'disk'
  /** Whether the link between both sides is encrypted. The client's socket never is. */
  readonly tls: boolean
}

export interface BenchDisk {
  /** Made by the caller, the subject's alone, removed by the caller. Short, because sockets are in it. */
  readonly folder: string
  /** A file of exactly the disk's size, all of it written; subjects copy it. */
  readonly template: string
  readonly sizeBytes: number
}

export interface SubjectProcess {
  readonly name: string
  readonly pid: number
}

export interface Subject {
  readonly uri: string
  /** All that work for the disk, whose CPU time and memory count. */
  readonly processes: readonly SubjectProcess[]
  /** Files that must hold the same bytes whenever no request is under way. */
  readonly copies: readonly string[]
  stop(): Promise<void>
}
