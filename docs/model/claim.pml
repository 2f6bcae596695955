/*
 * The claim of one VM between two hosts and one witness. README.md says what is covered, check.sh runs it.
 *
 * Time goes in ticks. A clock that runs wrong shows only in how many true ticks a wait takes, so each wait has the length
 * that hurts most: LEASE ticks is the longest that a slow clock lets a holder believe in its lease, OVER ticks the shortest
 * after which a fast clock calls it over. Holders that stop sooner and judges that wait longer do nothing that these do not.
 *
 * Messages are lost and late at will, hosts crash and come back at will, links end and begin at will, until `calm`. A
 * partition, also of one direction, is a run in which some messages never come.
 *
 * Each -DNO_x switches off one rule.
 */
#ifndef TERMS
#define TERMS 3 /* the highest term: TERMS - 1 take-overs */
#endif
#define LEASE 2
#if defined(BEYOND)
#define OVER 0 /* clocks so wrong that no wait waits */
#elif defined(NO_MARGIN)
#define OVER 1
#else
#define OVER 2 /* domain/claim.ts leaseOverAfterMs: 1 % and a hiccup more than the lease, so never shorter than the holder's */
#endif
#define CALM 6 /* ticks after which all must be well */
#define REVISIONS 3 /* one change at most can come between a question and what it is about */

#define BIT(h) (1 << (h))
#define BOTH 3
#define OTHER (1 - h)

/* A lease counts from the question. */
#ifdef NO_ASKED_AT
#define worth(left) LEASE
#define age(left) skip
#else
#define worth(left) (left > lease[h] -> left : lease[h])
#define age(left) down1(left)
#endif
#define down1(x) if :: x > 0 -> x-- :: else fi

/* ---- the witness: core/witness/{witness,book,rules}.ts ---- */
byte wTerm = 1, wHolder = 0, wList = BOTH, wRevision = 0, wLease = OVER;
#ifdef NO_DURABLE
byte oTerm = 1, oHolder = 0, oList = BOTH, oRevision = 0;
#endif

/* ---- hosts; what a host does not need in its role is 0 ---- */
#define STARTING 0 /* also: without power */
#define SECONDARY 1
#define PRIMARY 2
byte role[2];
byte term[2], revision[2], list[2]; /* Holder.#stored */
bit unsure[2];                      /* Holder.#asking is not 'nothing' */
byte next[2];                       /* Holder.#next */
byte lease[2];                      /* ticks left */

/*
 * A confirmation on its way: ticks that it will be worth when it comes. The question is heard in the moment in which it is asked;
 * one that is heard later would only let the other side wait longer.
 */
byte renewal[2]; /* of the witness */
byte pong[2];    /* of the peer */

/* What the primary thinks of the peer's replica: core/mirror/replica.ts */
#define ABSENT 0
#define RESYNCING 1
#define JOINING 2
#define MEMBER 3
#define OUT 4
byte peer[2];
bit up[2];     /* as a primary: the link */
bit serves[2]; /* as a secondary: the link */

/* One write of the guest at a time: 1 at the primary, 2 at the secondary as well. */
byte write[2];
bit lacks[2]; /* this host's replica lacks a write that the guest saw acknowledged */

byte replicaTerm[2]; /* on stable storage: the highest term that was served here */
byte promise[2];     /* core/mirror/secondary.ts: ticks until the last promise is over */
bit taking[2];
bit sealed[2];
bit mayHold[2]; /* daemon/worker/secondary.ts */

/* One read or change at a time per host: daemon/worker/{claim-keeper,take-over}.ts */
#define NONE 0
#define READ 1
#define SWAP 2
#define TAKE 3
#define TOLD 4
#define STORED 5
#define NOT_TAKEN 6
byte request[2], rTerm[2], rRevision[2], rList[2], rHolder[2];
/* A change that was given up and may still come to the witness. */
byte late[2], lTerm[2], lRevision[2], lList[2];
bit asked[2]; /* calm only: once a tick */

bit calm;
byte calmTicks;

/* membership/holder.ts: nobody else in what is stored or may be stored, or the lease runs. */
#ifdef NO_UNDER_WAY
#define believed(h) list[h]
#else
#define believed(h) (list[h] | (unsure[h] -> next[h] : 0))
#endif
#define valid(h) (role[h] == PRIMARY && (believed(h) == BIT(h) || lease[h] > 0))
/* mirror/answering.ts isEverywhere(): one that is out binds until the claim is known not to list it. */
#ifdef NO_CLAIM_FIRST
#define binds(h) (peer[h] == JOINING || peer[h] == MEMBER)
#else
#define binds(h) (peer[h] == JOINING || peer[h] == MEMBER || peer[h] == OUT)
#endif
/* mirror/secondary.ts judge() */
#ifdef NO_TERM
#define term_served true
#else
#define term_served (term[h] >= replicaTerm[OTHER])
#endif
#define wished(h) (BIT(h) | (peer[h] == JOINING || peer[h] == MEMBER -> BIT(OTHER) : 0))
#define listed_lacks ((lacks[0] && (wList & 1)) || (lacks[1] && (wList & 2)))

inline judge() {
#ifndef BEYOND
  assert(!(valid(0) && valid(1))) /* never two act */
#endif
  assert(!listed_lacks) /* whoever the claim lists has every acknowledged write */
}

inline forget_request() {
  request[h] = NONE; rTerm[h] = 0; rRevision[h] = 0; rList[h] = 0; rHolder[h] = 0
}

inline forget_late() {
  late[h] = NONE; lTerm[h] = 0; lRevision[h] = 0; lList[h] = 0
}

/* wire/claims.ts: what a later question has overtaken can change nothing any more. */
inline overtake() {
#ifdef NO_OVERTAKING
  skip
#else
  forget_late()
#endif
}

/* Nobody waits for the answer any more. */
inline give_up() {
  if
  :: request[h] == SWAP || request[h] == TAKE ->
     late[h] = request[h]; lTerm[h] = rTerm[h]; lRevision[h] = rRevision[h]; lList[h] = rList[h]
  :: else
  fi;
  forget_request()
}

inline unlink() {
  up[h] = 0; serves[OTHER] = 0; pong[h] = 0;
  write[h] = (write[h] > 0 -> 1 : 0)
}

/* A process ends; its replica and what it sent stay. */
inline start_again() {
  give_up();
  if
  :: role[h] == PRIMARY -> unlink()
  :: else -> serves[h] = 0
  fi;
  role[h] = STARTING; term[h] = 0; revision[h] = 0; list[h] = 0; unsure[h] = 0; next[h] = 0; lease[h] = 0;
  renewal[h] = 0; peer[h] = ABSENT; write[h] = 0; promise[h] = 0;
  taking[h] = 0; sealed[h] = 0; mayHold[h] = 0; asked[h] = 0
}

/* mirror/standing.ts claimed() */
inline claimed() {
  if
  :: list[h] == BOTH ->
     assert(peer[h] != RESYNCING); /* the claim lists only what was proposed */
     if
     :: peer[h] == JOINING -> peer[h] = MEMBER
     :: peer[h] == ABSENT -> peer[h] = OUT
     :: else
     fi
  :: else ->
     if
     :: peer[h] == OUT -> peer[h] = ABSENT
     :: else
     fi
  fi
}

/* daemon/worker/worker.ts: with a claim that was read (`!fresh`) or taken just now */
inline become_primary() {
  role[h] = PRIMARY; promise[h] = 0; taking[h] = 0; sealed[h] = 0; mayHold[h] = 0; serves[h] = 0;
  replicaTerm[h] = term[h];
  peer[h] = (list[h] == BOTH -> OUT : ABSENT)
}

/* daemon/worker/secondary.ts: one that may hold the claim promises nothing, because a process after it knows nothing of promises. */
#ifdef NO_SILENCE
#define silent false
#else
#define silent mayHold[OTHER]
#endif

inline become_secondary() {
  role[h] = SECONDARY;
  replicaTerm[h] = (rTerm[h] > replicaTerm[h] -> rTerm[h] : replicaTerm[h]);
#ifndef NO_PROMISE_AT_START
  promise[h] = OVER /* a restart has forgotten its promises */
#endif
}

inline unseal() {
  taking[h] = 0; sealed[h] = 0
}

#ifdef NO_DURABLE
#define remember() oTerm = wTerm; oHolder = wHolder; oList = wList; oRevision = wRevision
#else
#define remember() skip
#endif

/* The witness's answer is on stable storage before it is given. */
inline store(t, l) {
  remember();
  if
  :: wHolder != h -> wHolder = h; wLease = OVER
  :: else -> wLease = OVER
  fi;
  wTerm = t; wList = l; wRevision = (wRevision + 1) % REVISIONS
}

#ifdef NO_SWAP
#define expected(r) true
#else
#define expected(r) ((r) == wRevision)
#endif
#define swap_stored(r, t) (expected(r) && wHolder == h && wTerm == (t))
#ifdef NO_LEASE_WAIT
#define lease_over true
#else
#define lease_over (wLease == 0)
#endif
#ifdef NO_UP_TO_DATE
#define may_hold(l) true
#else
#define may_hold(l) ((l) & BIT(h))
#endif
#define take_stored(r, t) (expected(r) && wHolder != h && (t) == wTerm + 1 && may_hold(wList) && lease_over)

/* The witness hears host h. */
proctype road(byte h) {
end:
  do
  :: d_step { request[h] == READ ->
       overtake();
       request[h] = TOLD; rTerm[h] = wTerm; rRevision[h] = wRevision; rList[h] = wList; rHolder[h] = wHolder }
  :: d_step { request[h] == SWAP ->
       overtake();
       if
       :: swap_stored(rRevision[h], rTerm[h]) -> store(rTerm[h], rList[h]); request[h] = STORED; rRevision[h] = wRevision
       :: else ->
          request[h] = TOLD; rTerm[h] = wTerm; rRevision[h] = wRevision; rList[h] = wList; rHolder[h] = wHolder
       fi;
       judge() }
  :: d_step { request[h] == TAKE ->
       overtake();
       if
       :: take_stored(rRevision[h], rTerm[h]) -> store(rTerm[h], rList[h]); request[h] = STORED; rRevision[h] = wRevision
       :: else -> forget_request(); request[h] = NOT_TAKEN
       fi;
       judge() }
  :: d_step { late[h] == SWAP ->
       if
       :: swap_stored(lRevision[h], lTerm[h]) -> store(lTerm[h], lList[h])
       :: else
       fi;
       forget_late();
       judge() }
  :: d_step { late[h] == TAKE ->
       if
       :: take_stored(lRevision[h], lTerm[h]) -> store(lTerm[h], lList[h])
       :: else
       fi;
       forget_late();
       judge() }
  od
}

proctype host(byte h) {
end:
  do
  /* ---- faults ---- */
  :: d_step { !calm && (role[h] != STARTING || request[h] != NONE) -> start_again() }
  :: d_step { !calm && request[h] != NONE && role[h] == PRIMARY -> give_up() } /* Holder 'unknown': read again */
  :: d_step { !calm && request[h] != NONE && role[h] == SECONDARY -> /* take-over.ts: it may have been stored */
       if
       :: request[h] == TAKE || request[h] == STORED || request[h] == NOT_TAKEN -> mayHold[h] = 1
       :: else
       fi;
       give_up() }
  :: d_step { up[h] && (!calm || !serves[OTHER]) -> /* peer-talk.ts down(), standing.ts down() */
       unlink();
       if
       :: peer[h] == MEMBER || peer[h] == JOINING -> peer[h] = OUT
       :: peer[h] == RESYNCING -> peer[h] = ABSENT
       :: else
       fi }

  /* ---- start: daemon/worker/worker.ts ---- */
  :: d_step { role[h] == STARTING && request[h] == NONE -> request[h] = READ }
  :: d_step { role[h] == STARTING && request[h] == TOLD ->
       if
       :: rHolder[h] == h ->
          term[h] = rTerm[h]; revision[h] = rRevision[h]; list[h] = rList[h]; become_primary()
       :: else -> become_secondary()
       fi;
       forget_request();
       judge() }

  /* ---- primary, the lease: membership/holder.ts ---- */
  :: d_step { role[h] == PRIMARY && renewal[h] == 0 && lease[h] < LEASE -> /* witness/book.ts renew() */
       if
       :: wHolder == h && wTerm == term[h] -> wLease = OVER; renewal[h] = LEASE
       :: else -> start_again() /* spent */
       fi }
  :: d_step { renewal[h] > 0 -> lease[h] = worth(renewal[h]); renewal[h] = 0; judge() }
  :: d_step { role[h] == PRIMARY && up[h] && pong[h] == 0 && lease[h] < LEASE && role[OTHER] == SECONDARY && serves[OTHER] && !silent ->
       promise[OTHER] = OVER; pong[h] = LEASE }
  :: d_step { pong[h] > 0 -> lease[h] = worth(pong[h]); pong[h] = 0; judge() }

  /* ---- primary, the claim: membership/holder.ts, daemon/worker/claim-keeper.ts ---- */
  :: d_step { role[h] == PRIMARY && !unsure[h] && wished(h) != list[h] ->
       unsure[h] = 1; next[h] = wished(h);
       request[h] = SWAP; rRevision[h] = revision[h]; rTerm[h] = term[h]; rList[h] = next[h];
       judge() }
  :: d_step { role[h] == PRIMARY && unsure[h] && request[h] == NONE -> request[h] = READ }
  :: d_step { role[h] == PRIMARY && request[h] == STORED ->
       list[h] = next[h]; revision[h] = rRevision[h]; unsure[h] = 0; next[h] = 0;
       forget_request(); claimed();
       judge() }
  :: d_step { role[h] == PRIMARY && request[h] == TOLD ->
       if
       :: rHolder[h] == h && rTerm[h] == term[h] ->
          list[h] = rList[h]; revision[h] = rRevision[h]; unsure[h] = 0; next[h] = 0;
          forget_request(); claimed();
          judge()
       :: else -> start_again() /* spent */
       fi }

  /* ---- primary, the peer's replica: mirror/{standing,resync}.ts ---- */
  :: d_step { role[h] == PRIMARY && !up[h] && role[OTHER] == SECONDARY && !sealed[OTHER] && term_served ->
       up[h] = 1; serves[OTHER] = 1;
       replicaTerm[OTHER] = (term[h] > replicaTerm[OTHER] -> term[h] : replicaTerm[OTHER]);
       if
       :: peer[h] == OUT -> peer[h] = MEMBER
       :: peer[h] == ABSENT -> peer[h] = RESYNCING
       :: else
       fi }
  :: d_step { peer[h] == RESYNCING && up[h] && serves[OTHER] -> peer[h] = JOINING; lacks[OTHER] = 0 }

  /* ---- the guest's write: mirror/{mirror,answering,lease-gate}.ts ---- */
  :: d_step { !calm && role[h] == PRIMARY && write[h] == 0 -> write[h] = 1 }
  :: d_step { write[h] > 0 && valid(h) && (write[h] == 2 || !binds(h)) ->
       if
       :: write[h] == 1 -> lacks[OTHER] = 1
       :: else
       fi;
       write[h] = 0;
       judge() }

  /* ---- secondary: mirror/secondary.ts, daemon/worker/secondary.ts ---- */
  :: d_step { role[h] == SECONDARY && serves[h] && up[OTHER] && write[OTHER] == 1 -> write[OTHER] = 2 }

  /* ---- secondary, take-over: membership/takeover.ts, daemon/worker/{take-over,unknown-claim}.ts ---- */
  :: d_step { !calm && role[h] == SECONDARY && !taking[h] && wTerm < TERMS ->
       taking[h] = 1;
#ifndef NO_SEAL
       serves[h] = 0;
       sealed[h] = 1
#endif
     }
  :: d_step { role[h] == SECONDARY && (taking[h] || mayHold[h]) && request[h] == NONE && !asked[h] ->
       request[h] = READ; asked[h] = calm }
  :: d_step { role[h] == SECONDARY && request[h] == TOLD ->
       mayHold[h] = (rHolder[h] == h);
       if
       :: rHolder[h] == h ->
          taking[h] = 1; sealed[h] = 1; serves[h] = 0;
          if
          :: promise[h] == 0 ->
             term[h] = rTerm[h]; revision[h] = rRevision[h]; list[h] = rList[h];
             become_primary()
          :: else
          fi;
          forget_request()
       :: rHolder[h] != h && !taking[h] -> forget_request()
       :: rHolder[h] != h && taking[h] && !may_hold(rList[h]) -> unseal(); forget_request()
       :: rHolder[h] != h && taking[h] && may_hold(rList[h]) ->
          if
#ifndef NO_PROMISE
          :: promise[h] > 0 -> forget_request()
#endif
          :: else -> request[h] = TAKE; rTerm[h] = rTerm[h] + 1; rList[h] = BIT(h); rHolder[h] = 0
          fi
       fi;
       judge() }
  :: d_step { role[h] == SECONDARY && request[h] == STORED ->
       term[h] = rTerm[h]; revision[h] = rRevision[h]; list[h] = BIT(h);
       become_primary(); forget_request();
       judge() }
  :: d_step { role[h] == SECONDARY && request[h] == NOT_TAKEN -> forget_request() }
  :: d_step { role[h] == SECONDARY && taking[h] && request[h] == NONE && !calm -> unseal() } /* given up */
  od
}

inline tick() {
  down1(wLease); down1(lease[0]); down1(lease[1]); down1(promise[0]); down1(promise[1]);
  age(renewal[0]); age(renewal[1]); age(pong[0]); age(pong[1])
}

#define well(h, o) (role[h] == PRIMARY && role[o] == SECONDARY && wHolder == h && wTerm == term[h] && wList == BOTH \
  && list[h] == BOTH && !unsure[h] && peer[h] == MEMBER && lease[h] > 0 && write[h] == 0 && !sealed[o] && !mayHold[o])

proctype time() {
end:
  do
  :: d_step { !calm -> tick() }
  :: d_step { !calm -> /* the witness starts again: witness.ts 'restarted' */
#ifdef NO_DURABLE
       wTerm = oTerm; wHolder = oHolder; wList = oList; wRevision = oRevision;
#endif
#ifdef NO_HEARD_AT_START
       wLease = 0;
#else
       wLease = OVER;
#endif
       judge() }
#ifdef LIVE
  :: d_step { !calm -> calm = 1 }
  :: timeout && calm && calmTicks < CALM -> d_step { tick(); asked[0] = 0; asked[1] = 0; calmTicks++ }
  :: timeout && calm && calmTicks == CALM -> d_step { assert(well(0, 1) || well(1, 0)); calmTicks++ }
#endif
  od
}

init {
  d_step {
    role[0] = PRIMARY; term[0] = 1; list[0] = BOTH; peer[0] = MEMBER; up[0] = 1; replicaTerm[0] = 1;
    role[1] = SECONDARY; serves[1] = 1; replicaTerm[1] = 1; promise[1] = OVER
  };
  atomic { run host(0); run host(1); run road(0); run road(1); run time() }
}

#ifdef LIVELOCK
/* Each tick of the calm counts, so a run that comes back to a state in the calm goes round without time. */
never {
  do
  :: !calm
  :: calm -> goto accept_calm
  od;
accept_calm:
  do
  :: calm && calmTicks <= CALM
  od
}
#endif
