/** Rules whose absence no seed has shown yet: the simulator lacks the world for it, or the rule is a second guard. */
export const UNSHOWN: readonly string[] = [
  'a source parts again when its target was told to be as good and is lost',
  'what only one member may have is compared before it is read',
  'a read waits for the changes that were asked for before it',
  'an extent leaves the log only when it is settled',
  'only what was answered before a flush is settled by it',
  'a resync ends with a flush of its target',
  'a replica whose machine may have lost its cache is resynced',
  'one that lost its cache is not preferred to one that is out of reach',
  'a secondary is sealed before the claim is taken',
  'a lower term is refused',
  'a promise to the holder is kept',
  'a claim is taken when its lease is over',
  'a claim is changed only by who knows its revision',
  'a change of the claim that may be stored counts for the lease',
]
