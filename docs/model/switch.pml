/*
 * One claim, two hosts, two witnesses: who decides is switched from one witness to the other and back while hosts and witnesses
 * come and go. README.md says what is covered, check.sh runs it. What claim.pml shows of one witness is not shown again: here a
 * lease is one tick for everybody, a renewal or a ping is heard at once and its answer comes late, and a write is done at once.
 *
 * Generation g of the decisions belongs to witness BY(g). A host's note, on stable storage: the highest generation it agreed to,
 * and, until that is known to be decided, the claim that is to be carried to its witness.
 *
 * Each -DNO_x switches off one rule.
 */
#ifndef TERMS
#define TERMS 2
#endif
#ifndef GENERATIONS
#define GENERATIONS 3
#endif
#define LEASE 1
#define OVER 1
#define REVISIONS 4
#define CALM 8

#define BIT(h) (1 << (h))
#define BOTH 3
#define OTHER (1 - h)
#define BY(g) (((g) + 1) % 2)

/* ---- the witnesses ---- */
byte wGeneration[2], wTerm[2], wHolder[2], wList[2], wRevision[2], wLease[2];

/* ---- the notes of the hosts ---- */
byte note[2];
bit pending[2];
byte nTerm[2], nHolder[2], nList[2];

/* ---- hosts ---- */
#define STARTING 0
#define SECONDARY 1
#define PRIMARY 2
byte role[2];
byte term[2], revision[2], list[2];
byte served[2]; /* on stable storage: the highest term that was served here */
bit unsure[2];
byte next[2], lease[2];
bit renewed[2], ponged[2]; /* a confirmation that was asked for in this tick is on its way */
bit noted[2];              /* as a primary: everybody that the claim lists has noted what is pending */
#define ABSENT 0
#define MEMBER 1
#define OUT 2
byte peer[2];
bit up[2], serves[2], lacks[2];
byte promise[2];
bit sealed[2], mayHold[2];

#define NONE 0
#define READ 1
#define SWAP 2
#define TAKE 3
#define CARRY 4
#define TOLD 5
#define STORED 6
#define NOT_TAKEN 7
byte request[2], rTo[2], rGeneration[2], rTerm[2], rRevision[2], rList[2], rHolder[2];
/* What was given up and may still come: of host h to witness w at [2 * h + w]. */
#define AT(h, w) (2 * (h) + (w))
byte late[4], lGeneration[4], lTerm[4], lRevision[4], lList[4], lHolder[4];
bit asked[2];

bit calm;
byte gone = 2; /* calm only: the witness that does not come back */
byte calmTicks;

#define believed(h) (list[h] | (unsure[h] -> next[h] : 0))
#define valid(h) (role[h] == PRIMARY && (believed(h) == BIT(h) || lease[h] > 0))
#define wished(h) (BIT(h) | (peer[h] == MEMBER -> BIT(OTHER) : 0))
#define decides (wGeneration[1] > wGeneration[0] -> 1 : 0)
#define listed_lacks ((lacks[0] && (wList[decides] & 1)) || (lacks[1] && (wList[decides] & 2)))

inline judge() {
  assert(!(valid(0) && valid(1))); /* never two act */
  assert(!listed_lacks)            /* whoever the deciding claim lists has every acknowledged write */
}

inline forget_request() {
  request[h] = NONE; rTo[h] = 0; rGeneration[h] = 0; rTerm[h] = 0; rRevision[h] = 0; rList[h] = 0; rHolder[h] = 0
}

inline forget_late(i) {
  late[i] = NONE; lGeneration[i] = 0; lTerm[i] = 0; lRevision[i] = 0; lList[i] = 0; lHolder[i] = 0
}

inline give_up() {
  if
  :: request[h] == SWAP || request[h] == TAKE || request[h] == CARRY ->
     late[AT(h, rTo[h])] = request[h]; lGeneration[AT(h, rTo[h])] = rGeneration[h]; lTerm[AT(h, rTo[h])] = rTerm[h];
     lRevision[AT(h, rTo[h])] = rRevision[h]; lList[AT(h, rTo[h])] = rList[h]; lHolder[AT(h, rTo[h])] = rHolder[h]
  :: else
  fi;
  forget_request()
}

inline unlink() {
  up[h] = 0; serves[OTHER] = 0; ponged[h] = 0
}

inline end_role() {
  if
  :: role[h] == PRIMARY -> unlink()
  :: else -> serves[h] = 0
  fi;
  role[h] = STARTING; term[h] = 0; revision[h] = 0; list[h] = 0; unsure[h] = 0; next[h] = 0; lease[h] = 0;
  renewed[h] = 0; noted[h] = 0; peer[h] = ABSENT; promise[h] = 0; sealed[h] = 0; mayHold[h] = 0; asked[h] = 0
}

inline start_again() {
  give_up(); end_role()
}

inline be_secondary() {
  role[h] = SECONDARY; promise[h] = OVER
}

inline be_primary() {
  role[h] = PRIMARY; served[h] = term[h]; promise[h] = 0; sealed[h] = 0; mayHold[h] = 0; serves[h] = 0;
  peer[h] = (list[h] == BOTH -> OUT : ABSENT)
}

inline claimed() {
  if
  :: list[h] == BOTH && peer[h] == ABSENT -> peer[h] = OUT
  :: list[h] != BOTH && peer[h] == OUT -> peer[h] = ABSENT
  :: else
  fi
}

/* What is decided needs no claim beside it any more. */
inline note_decided() {
  pending[h] = 0; nTerm[h] = 0; nHolder[h] = 0; nList[h] = 0
}

inline note_pending(g, t, o, l) {
  note[h] = g; pending[h] = 1; nTerm[h] = t; nHolder[h] = o; nList[h] = l
}

inline ask(what, g) {
  request[h] = what; rTo[h] = BY(g)
}

inline ask_carry() {
  ask(CARRY, note[h]);
  rGeneration[h] = note[h]; rTerm[h] = nTerm[h]; rHolder[h] = nHolder[h]; rList[h] = nList[h]
}

/* ---- the witness's side ---- */
#define swap_stored(w, r, t) ((r) == wRevision[w] && wHolder[w] == h && wTerm[w] == (t))
#define take_stored(w, r, t) ((r) == wRevision[w] && wHolder[w] != h && (t) == wTerm[w] + 1 && (wList[w] & BIT(h)) && wLease[w] == 0)
#ifdef NO_RAISE
#define carry_stored(w, g, t) ((g) >= wGeneration[w])
#elif defined(TERM_NEVER_FALLS)
#define carry_stored(w, g, t) ((g) > wGeneration[w] && (t) >= wTerm[w])
#else
#define carry_stored(w, g, t) ((g) > wGeneration[w])
#endif

inline store(w, g, t, o, l) {
  wGeneration[w] = g; wTerm[w] = t; wHolder[w] = o; wList[w] = l;
  wRevision[w] = (wRevision[w] + 1) % REVISIONS;
  wLease[w] = OVER
}

inline carried(w, g, t, o, l) {
  store(w, g, t, o, l);
#ifdef NO_LEASE_AT_CARRY
  wLease[w] = 0
#endif
}

inline tell(w) {
  request[h] = TOLD; rGeneration[h] = wGeneration[w]; rTerm[h] = wTerm[w]; rRevision[h] = wRevision[w];
  rList[h] = wList[w]; rHolder[h] = wHolder[w]
}

#define hears(w) (rTo[h] == w && gone != w)

/* Witness w hears host h. */
proctype road(byte h; byte w) {
end:
  do
  :: d_step { request[h] == READ && hears(w) -> forget_late(AT(h, w)); tell(w) }
  :: d_step { request[h] == SWAP && hears(w) ->
       forget_late(AT(h, w));
       if
       :: swap_stored(w, rRevision[h], rTerm[h]) ->
          store(w, wGeneration[w], rTerm[h], h, rList[h]); request[h] = STORED; rRevision[h] = wRevision[w]
       :: else -> tell(w)
       fi;
       judge() }
  :: d_step { request[h] == TAKE && hears(w) ->
       forget_late(AT(h, w));
       if
       :: take_stored(w, rRevision[h], rTerm[h]) ->
          store(w, wGeneration[w], rTerm[h], h, rList[h]); request[h] = STORED; rRevision[h] = wRevision[w]
       :: else -> forget_request(); request[h] = NOT_TAKEN
       fi;
       judge() }
  :: d_step { request[h] == CARRY && hears(w) ->
       forget_late(AT(h, w));
       if
       :: carry_stored(w, rGeneration[h], rTerm[h]) -> carried(w, rGeneration[h], rTerm[h], rHolder[h], rList[h])
       :: else
       fi;
       tell(w);
       judge() }
  :: d_step { late[AT(h, w)] != NONE ->
       if
       :: late[AT(h, w)] == SWAP && swap_stored(w, lRevision[AT(h, w)], lTerm[AT(h, w)]) ->
          store(w, wGeneration[w], lTerm[AT(h, w)], h, lList[AT(h, w)])
       :: late[AT(h, w)] == TAKE && take_stored(w, lRevision[AT(h, w)], lTerm[AT(h, w)]) ->
          store(w, wGeneration[w], lTerm[AT(h, w)], h, lList[AT(h, w)])
       :: late[AT(h, w)] == CARRY && carry_stored(w, lGeneration[AT(h, w)], lTerm[AT(h, w)]) ->
          carried(w, lGeneration[AT(h, w)], lTerm[AT(h, w)], lHolder[AT(h, w)], lList[AT(h, w)])
       :: else
       fi;
       forget_late(AT(h, w));
       judge() }
  od
}

#ifdef NO_STOP
#define uses_witness(h) true
#else
#define uses_witness(h) (!pending[h])
#endif
/* Under which generation the holder renews: what it has noted last; without that rule, the one before. */
#define renews_at(h) BY(pending[h] -> note[h] - 1 : note[h])
/* The peer has noted this very claim: two holders, one of them spent, can come to the same generation. */
#ifdef NO_SAME_CLAIM
#define agrees (note[OTHER] == note[h])
#else
#define agrees (note[OTHER] == note[h] && (!pending[OTHER] || (nHolder[OTHER] == h && nTerm[OTHER] == term[h])))
#endif
#ifdef NO_PEER_NOTE
#define all_noted true
#else
#define all_noted (nList[h] == BIT(h) || noted[h])
#endif
#ifdef NO_HIGHEST
#define acts_under(h) (pending[h] -> note[h] - 1 : note[h])
#define may_carry false
#else
#define acts_under(h) note[h]
#define may_carry pending[h]
#endif
/* In calm only because the witness in charge is gone. */
#define would_switch(h) ((!calm && note[h] < GENERATIONS) || (calm && gone == BY(note[h]) && note[h] < GENERATIONS + 2))

proctype host(byte h) {
end:
  do
  /* ---- faults ---- */
  :: d_step { !calm && (role[h] != STARTING || request[h] != NONE) ->
#ifdef NO_NOTE_SAVED
       if
       :: pending[h] && nHolder[h] == h -> note[h]--; note_decided()
       :: else
       fi;
#endif
       start_again() }
  :: d_step { request[h] != NONE && role[h] == PRIMARY && (!calm || gone == rTo[h]) -> give_up() }
  :: d_step { request[h] != NONE && role[h] == SECONDARY && (!calm || gone == rTo[h]) ->
       if
       :: request[h] == TAKE || request[h] == STORED || request[h] == NOT_TAKEN -> mayHold[h] = 1
       :: else
       fi;
       give_up() }
  :: d_step { !calm && renewed[h] -> renewed[h] = 0 }
  :: d_step { up[h] && (!calm || !serves[OTHER]) ->
       unlink();
       if
       :: peer[h] == MEMBER -> peer[h] = OUT
       :: else
       fi }

  /* ---- start ---- */
  :: d_step { role[h] == STARTING && !pending[h] && request[h] == NONE && !asked[h] -> ask(READ, note[h]); asked[h] = calm }
  :: d_step { role[h] == STARTING && !pending[h] && request[h] == TOLD ->
       if
       :: rGeneration[h] == note[h] && rHolder[h] == h && rTerm[h] <= served[h] ->
          term[h] = rTerm[h]; revision[h] = rRevision[h]; list[h] = rList[h]; be_primary()
       :: else -> mayHold[h] = (rGeneration[h] == note[h] && rHolder[h] == h); be_secondary()
       fi;
       forget_request();
       judge() }
  /* A holder whose switch is not decided acts by promises only; a secondary may have got further than its note. */
  :: d_step { role[h] == STARTING && pending[h] && nHolder[h] == h ->
       term[h] = nTerm[h]; list[h] = nList[h]; be_primary(); forget_request();
       judge() }
  :: d_step { role[h] == STARTING && pending[h] && nHolder[h] != h -> be_secondary(); mayHold[h] = 1; forget_request() }

  /* ---- primary: the lease ---- */
  :: d_step { role[h] == PRIMARY && uses_witness(h) && !renewed[h] && lease[h] < LEASE && gone != renews_at(h) && (!calm || !asked[h]) ->
       asked[h] = calm;
       if
       :: wGeneration[renews_at(h)] > 0 && wHolder[renews_at(h)] == h && wTerm[renews_at(h)] == term[h] ->
          wLease[renews_at(h)] = OVER; renewed[h] = 1
       :: else -> start_again() /* spent */
       fi }
  :: d_step { renewed[h] -> renewed[h] = 0; lease[h] = LEASE; judge() }
  :: d_step { role[h] == PRIMARY && up[h] && !ponged[h] && lease[h] < LEASE && role[OTHER] == SECONDARY && serves[OTHER] ->
       promise[OTHER] = OVER; ponged[h] = 1 }
  :: d_step { ponged[h] && up[h] -> ponged[h] = 0; lease[h] = LEASE; judge() }

  /* ---- primary: the claim ---- */
  :: d_step { role[h] == PRIMARY && !pending[h] && !unsure[h] && wished(h) != list[h] && request[h] == NONE ->
       unsure[h] = 1; next[h] = wished(h);
       ask(SWAP, note[h]); rRevision[h] = revision[h]; rTerm[h] = term[h]; rList[h] = next[h];
       judge() }
  :: d_step { role[h] == PRIMARY && !pending[h] && unsure[h] && request[h] == NONE && !asked[h] ->
       ask(READ, note[h]); asked[h] = calm }
  :: d_step { role[h] == PRIMARY && !pending[h] && request[h] == STORED ->
       list[h] = next[h]; revision[h] = rRevision[h]; unsure[h] = 0; next[h] = 0;
       forget_request(); claimed();
       judge() }
  :: d_step { role[h] == PRIMARY && !pending[h] && request[h] == TOLD ->
       if
       :: rGeneration[h] == note[h] && rHolder[h] == h && rTerm[h] == term[h] ->
          list[h] = rList[h]; revision[h] = rRevision[h]; unsure[h] = 0; next[h] = 0;
          forget_request(); claimed();
          judge()
       :: else -> start_again()
       fi }

  /* ---- primary: the switch ---- */
  /* 1. It notes what it is about to do; the former witness is asked for nothing any more. */
  :: d_step { role[h] == PRIMARY && !pending[h] && !unsure[h] && request[h] == NONE && would_switch(h) &&
       (list[h] == BIT(h) || up[h]) ->
       note_pending(note[h] + 1, term[h], h, list[h]); noted[h] = 0 }
  /* One that cannot be finished is replaced by the next one, to the other witness. */
  :: d_step { role[h] == PRIMARY && pending[h] && would_switch(h) ->
       give_up();
       note_pending(note[h] + 1, term[h], h, list[h]); noted[h] = 0 }
  /* 2. Everybody that the claim lists notes it; what was under way there is forgotten. (Step of the primary's link: `h` is the secondary.) */
  :: d_step { role[h] == SECONDARY && serves[h] && !sealed[h] && up[OTHER] && pending[OTHER] && list[OTHER] == BOTH &&
       note[h] < note[OTHER] ->
       give_up(); mayHold[h] = 0;
       note_pending(note[OTHER], term[OTHER], OTHER, BOTH) }
  :: d_step { role[h] == PRIMARY && pending[h] && !noted[h] && up[h] && agrees -> noted[h] = 1 }
  /* 3. The claim is carried to the next witness. */
  :: d_step { role[h] == PRIMARY && pending[h] && request[h] == NONE && all_noted && !asked[h] -> ask_carry(); asked[h] = calm }
  /* 4. What that witness has is noted as decided, before anything else is asked of it. */
  :: d_step { role[h] == PRIMARY && pending[h] && request[h] == TOLD ->
       if
       :: rGeneration[h] == note[h] && rHolder[h] == h && rTerm[h] == term[h] ->
          list[h] = rList[h]; revision[h] = rRevision[h];
#ifndef NO_DECIDED_NOTE
          note_decided();
#endif
          noted[h] = 0; forget_request(); claimed();
          judge()
       :: rGeneration[h] == note[h] && !(rHolder[h] == h && rTerm[h] == term[h]) -> note_decided(); start_again() /* spent */
       :: rGeneration[h] != note[h] -> forget_request()
       fi }
  :: d_step { role[h] == SECONDARY && serves[h] && pending[h] && up[OTHER] && note[OTHER] == note[h] && !pending[OTHER] -> note_decided() }
  /* The word of the holder of a higher term: then what was pending here was noted by nobody else, and never will be. */
  :: d_step { pending[h] && nHolder[h] == h && role[OTHER] == PRIMARY && !pending[OTHER] && term[OTHER] > nTerm[h] ->
       note[h] = note[OTHER]; note_decided();
       start_again(); be_secondary() }

  /* ---- primary: the peer's replica ---- */
  :: d_step { role[h] == PRIMARY && !up[h] && role[OTHER] == SECONDARY && !sealed[OTHER] ->
       up[h] = 1; serves[OTHER] = 1;
       served[OTHER] = (term[h] > served[OTHER] -> term[h] : served[OTHER]);
       if
       :: peer[h] == OUT -> peer[h] = MEMBER
       :: else
       fi }
  :: d_step { role[h] == PRIMARY && peer[h] == ABSENT && up[h] && serves[OTHER] && !pending[h] ->
       peer[h] = MEMBER; lacks[OTHER] = 0;
#ifndef NO_NOTE_AT_JOIN
       note[OTHER] = note[h]; pending[OTHER] = 0; nTerm[OTHER] = 0; nHolder[OTHER] = 0; nList[OTHER] = 0
#endif
     }
  /* A write is acknowledged that only this replica has. */
  :: d_step { valid(h) && peer[h] == ABSENT && !lacks[OTHER] -> lacks[OTHER] = 1; judge() }

  /* ---- secondary: take-over ---- */
  :: d_step { !calm && role[h] == SECONDARY && !sealed[h] && wTerm[decides] < TERMS -> sealed[h] = 1; serves[h] = 0 }
  :: d_step { role[h] == SECONDARY && (sealed[h] || mayHold[h]) && request[h] == NONE && !asked[h] ->
       if
       :: may_carry -> ask_carry()
       :: else -> ask(READ, acts_under(h))
       fi;
       asked[h] = calm }
  :: d_step { role[h] == SECONDARY && request[h] == TOLD ->
       if
       :: rGeneration[h] == note[h] && pending[h] -> note_decided()
       :: else
       fi;
       if
       :: rGeneration[h] != acts_under(h) -> mayHold[h] = 0; sealed[h] = 0; forget_request()
       :: else ->
          mayHold[h] = (rHolder[h] == h);
          if
          :: rHolder[h] == h ->
             sealed[h] = 1; serves[h] = 0;
             if
             :: promise[h] == 0 -> term[h] = rTerm[h]; revision[h] = rRevision[h]; list[h] = rList[h]; be_primary()
             :: else
             fi;
             forget_request()
          :: rHolder[h] != h && (!sealed[h] || promise[h] > 0) -> forget_request()
          :: rHolder[h] != h && sealed[h] && promise[h] == 0 && !(rList[h] & BIT(h)) -> sealed[h] = 0; forget_request()
          :: rHolder[h] != h && sealed[h] && promise[h] == 0 && (rList[h] & BIT(h)) ->
             request[h] = TAKE; rTerm[h] = rTerm[h] + 1; rList[h] = BIT(h); rHolder[h] = 0; rGeneration[h] = 0
          fi
       fi;
       judge() }
  :: d_step { role[h] == SECONDARY && request[h] == STORED ->
       term[h] = rTerm[h]; revision[h] = rRevision[h]; list[h] = BIT(h);
       be_primary(); forget_request();
       judge() }
  :: d_step { role[h] == SECONDARY && request[h] == NOT_TAKEN -> forget_request() }
  :: d_step { role[h] == SECONDARY && sealed[h] && request[h] == NONE && !calm -> sealed[h] = 0 }
  od
}

#define down1(x) if :: x > 0 -> x-- :: else fi
inline tick() {
  down1(wLease[0]); down1(wLease[1]); down1(promise[0]); down1(promise[1]);
  lease[0] = 0; lease[1] = 0; renewed[0] = 0; renewed[1] = 0; ponged[0] = 0; ponged[1] = 0
}

#define well(h, o) (role[h] == PRIMARY && role[o] == SECONDARY && !pending[h] && !pending[o] && note[h] == note[o] \
  && wGeneration[BY(note[h])] == note[h] && wHolder[BY(note[h])] == h && wTerm[BY(note[h])] == term[h] \
  && wList[BY(note[h])] == BOTH && list[h] == BOTH && !unsure[h] && peer[h] == MEMBER && valid(h) && !sealed[o] && !mayHold[o])
#define serving(h, o) (valid(h) && role[o] == SECONDARY && up[h] && serves[o] && !unsure[h])

proctype time() {
end:
  do
  :: d_step { !calm -> tick() }
  :: d_step { !calm -> wLease[0] = OVER; wLease[1] = OVER } /* a witness starts again */
#ifdef LIVE
  :: d_step { !calm -> calm = 1 }
  /* A pair that is at work loses a witness for good. */
  :: d_step { !calm && (serving(0, 1) || serving(1, 0)) -> calm = 1; gone = 0 }
  :: d_step { !calm && (serving(0, 1) || serving(1, 0)) -> calm = 1; gone = 1 }
  :: d_step { timeout && calm && calmTicks < CALM -> tick(); asked[0] = 0; asked[1] = 0; calmTicks++ }
  :: d_step { timeout && calm && calmTicks == CALM -> assert(well(0, 1) || well(1, 0)); calmTicks++ }
#endif
  od
}

init {
  d_step {
    wGeneration[0] = 1; wTerm[0] = 1; wList[0] = BOTH; wLease[0] = OVER;
    note[0] = 1; note[1] = 1; served[0] = 1; served[1] = 1;
    role[0] = PRIMARY; term[0] = 1; list[0] = BOTH; peer[0] = MEMBER; up[0] = 1;
    role[1] = SECONDARY; serves[1] = 1; promise[1] = OVER
  };
  atomic { run host(0); run host(1); run road(0, 0); run road(0, 1); run road(1, 0); run road(1, 1); run time() }
}
