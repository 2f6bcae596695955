/** Rules whose absence no seed has shown yet: the simulator lacks the world for it, or the rule is a second guard. */
export const UNSHOWN: readonly string[] = [
  'a source parts again when its target was told to be as good and is lost',
  'an extent leaves the log only when it is settled',
  'only what was answered before a flush is settled by it',
  'a claim is taken when its lease is over',
  'a claim is changed only by who knows its revision',
]
