import type { ReplicaRequest } from '../domain/replica-request'
import { advanceCopy, beginCopy, type CopyEnd, type CopyJob } from './copying'
import { otherSide, type Side } from './events'
import { isPending, type Operation } from './operation'
import type { Replica } from './replica'

export interface CopyRunsNeeds {
  readonly replicas: Readonly<Record<Side, Pick<Replica, 'state'>>>
  readonly ask: (op: Operation, side: Side, request: ReplicaRequest) => void
  /** Bytes of the target are about to change. */
  readonly changed: (offset: number, length: number) => void
  /** The range is free for what waits. */
  readonly leave: (op: Operation) => void
}

/** Copies that have their range to themselves: asked of the replicas step by step, and given up where one that they need is lost. */
export class CopyRuns {
  constructor(private readonly needs: CopyRunsNeeds) {}

  start(op: Operation, job: CopyJob): void {
    const { replicas, changed, ask } = this.needs
    const source = replicas[otherSide(job.target)].state
    const target = replicas[job.target].state
    if (source !== 'member' || (target !== 'resyncing' && target !== 'member')) this.end(op, job, 'abandoned')
    else {
      changed(op.request.offset, op.request.length)
      beginCopy(op, job, ask)
    }
  }

  /** A replica has done what it was asked. */
  answered(op: Operation, job: CopyJob, side: Side, data: Buffer | undefined): void {
    if (job.over) this.end(op, job, 'abandoned')
    else if (advanceCopy(op, job, side, data, this.needs.ask)) this.end(op, job, 'copied')
  }

  /** What the replica that stays was asked for it may still come there, so until then nothing else does. */
  end(op: Operation, job: CopyJob, end: CopyEnd): void {
    if (!job.over) job.ended(end)
    job.over = true
    if (!isPending(op)) this.needs.leave(op)
  }
}
