/** Kills the one process that has this process id and was started then; false when it is not there any more. */
export type KillWorker = (pid: number, startedTicks: number) => boolean
