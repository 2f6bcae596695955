/*
 * One claim, two hosts, two witnesses: who decides is switched from one witness to the other and back while hosts and witnesses
 * come and go. README.md says what is covered, check.sh runs it. What claim.pml shows of one witness is not shown again: here a
 * lease is one tick for everybody, a renewal, a pong and a write are done at once, and of what a host has given up one message at
 * a time is still on its way.
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
#define GENERATIONS 2
#endif
#define LEASE 1
#define OVER 1
#define REVISIONS 3 /* one change at most can come between a question and what it is about */
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
bit unsure[2];
byte next[2], lease[2];
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
/* What was given up and may still come. */
byte late[2], lTo[2], lGeneration[2], lTerm[2], lRevision[2], lList[2], lHolder[2];
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

inline forget_late() {
  late[h] = NONE; lTo[h] = 0; lGeneration[h] = 0; lTerm[h] = 0; lRevision[h] = 0; lList[h] = 0; lHolder[h] = 0
}

/* A later question to the same witness has overtaken it. */
inline overtake(w) {
  if
  :: lTo[h] == w -> forget_late()
  :: else
  fi
}

/* Lost, or late. */
#ifdef PROMPT
#define may_be_late false
#else
#define may_be_late (late[h] == NONE)
#endif
inline give_up() {
  if
  :: may_be_late && (request[h] == SWAP || request[h] == TAKE || request[h] == CARRY) ->
     late[h] = request[h]; lTo[h] = rTo[h]; lGeneration[h] = rGeneration[h]; lTerm[h] = rTerm[h]; lRevision[h] = rRevision[h];
     lList[h] = rList[h]; lHolder[h] = rHolder[h]
  :: else
  fi;
  forget_request()
}

inline unlink() {
  up[h] = 0; serves[OTHER] = 0
}

inline end_role() {
  if
  :: role[h] == PRIMARY -> unlink()
  :: else -> serves[h] = 0
  fi;
  role[h] = STARTING; term[h] = 0; revision[h] = 0; list[h] = 0; unsure[h] = 0; next[h] = 0; lease[h] = 0;
  peer[h] = ABSENT; promise[h] = 0; sealed[h] = 0; mayHold[h] = 0; asked[h] = 0
}

inline start_again() {
  give_up(); end_role()
}

inline be_secondary() {
  role[h] = SECONDARY; promise[h] = OVER
}

inline be_primary() {
  role[h] = PRIMARY; promise[h] = 0; sealed[h] = 0; mayHold[h] = 0; serves[h] = 0;
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

/* What a crash makes of a note that was not saved. */
#ifdef NO_NOTE_SAVED
#define keep_old_note() skip
inline lose_note() {
  if
  :: pending[h] && nHolder[h] == h -> note[h]--; note_decided()
  :: else
  fi
}
#elif defined(NO_DECIDED_NOTE)
byte oldNote[2], oldTerm[2], oldList[2];
inline keep_old_note() {
  oldNote[h] = note[h]; oldTerm[h] = nTerm[h]; oldList[h] = nList[h]
}
inline lose_note() {
  if
  :: !pending[h] && oldNote[h] == note[h] -> note_pending(note[h], oldTerm[h], h, oldList[h])
  :: else
  fi
}
#else
#define keep_old_note() skip
#define lose_note() skip
#endif

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

/* The holder's full lease starts there. */
#ifdef NO_LEASE_AT_CARRY
#define LEASE_AT_CARRY 0
#else
#define LEASE_AT_CARRY OVER
#endif

inline store(w, g, t, o, l) {
  wGeneration[w] = g; wTerm[w] = t; wHolder[w] = o; wList[w] = l;
  wRevision[w] = (wRevision[w] + 1) % REVISIONS;
  wLease[w] = OVER
}

inline carried(w, g, t, o, l) {
  store(w, g, t, o, l);
  wLease[w] = LEASE_AT_CARRY
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
  :: d_step { request[h] == READ && hears(w) -> overtake(w); tell(w) }
  :: d_step { request[h] == SWAP && hears(w) ->
       overtake(w);
       if
       :: swap_stored(w, rRevision[h], rTerm[h]) ->
          store(w, wGeneration[w], rTerm[h], h, rList[h]); request[h] = STORED; rRevision[h] = wRevision[w]
       :: else -> tell(w)
       fi;
       judge() }
  :: d_step { request[h] == TAKE && hears(w) ->
       overtake(w);
       if
       :: take_stored(w, rRevision[h], rTerm[h]) ->
          store(w, wGeneration[w], rTerm[h], h, rList[h]); request[h] = STORED; rRevision[h] = wRevision[w]
       :: else -> forget_request(); request[h] = NOT_TAKEN
       fi;
       judge() }
  :: d_step { request[h] == CARRY && hears(w) ->
       overtake(w);
       if
       :: carry_stored(w, rGeneration[h], rTerm[h]) -> carried(w, rGeneration[h], rTerm[h], rHolder[h], rList[h])
       :: else
       fi;
       tell(w);
       judge() }
  :: d_step { late[h] != NONE && lTo[h] == w ->
       if
       :: late[h] == SWAP && swap_stored(w, lRevision[h], lTerm[h]) -> store(w, wGeneration[w], lTerm[h], h, lList[h])
       :: late[h] == TAKE && take_stored(w, lRevision[h], lTerm[h]) -> store(w, wGeneration[w], lTerm[h], h, lList[h])
       :: late[h] == CARRY && carry_stored(w, lGeneration[h], lTerm[h]) ->
          carried(w, lGeneration[h], lTerm[h], lHolder[h], lList[h])
       :: else
       fi;
       forget_late();
       judge() }
  od
}

#ifdef NO_STOP
#define uses_witness(h) true
#else
#define uses_witness(h) (!pending[h])
#endif
/* Under which generation the holder renews: what it has noted last; without that rule, the one before. */
#define renews_at(h) BY(note[h] - pending[h])
#ifdef NO_NOTE_AT_JOIN
#define may_list true
#else
#define may_list (wished(h) != BOTH || note[OTHER] == note[h])
#endif
/* The peer has noted this very claim: two holders, one of them spent, can come to the same generation. */
#ifdef NO_SAME_CLAIM
#define agrees (note[OTHER] == note[h])
#else
#define agrees (note[OTHER] == note[h] && (!pending[OTHER] || (nHolder[OTHER] == h && nTerm[OTHER] == term[h])))
#endif
#ifdef NO_PEER_NOTE
#define all_noted true
#else
#define all_noted (nList[h] == BIT(h) || (up[h] && agrees))
#endif
#ifdef NO_HIGHEST
#define acts_under(h) (note[h] - pending[h])
#define may_carry false
#else
#define acts_under(h) note[h]
#define may_carry pending[h]
#endif
#ifdef NO_UNKNOWN /* as D4 was written: no change of its own is unknown */
#define may_begin (!unsure[h] && request[h] == NONE && (list[h] == BIT(h) || up[h]))
#else
#define may_begin (believed(h) == BIT(h) || up[h])
#endif
/* In calm only because the witness in charge is gone. */
#define would_switch(h) ((!calm && note[h] < GENERATIONS) || (calm && gone == BY(note[h]) && note[h] < GENERATIONS + 2))

proctype host(byte h) {
end:
  do
  /* ---- faults ---- */
  :: d_step { !calm && (role[h] != STARTING || request[h] != NONE) ->
       lose_note();
       start_again() }
  :: d_step { request[h] != NONE && role[h] == PRIMARY && (!calm || gone == rTo[h]) -> give_up() }
  :: d_step { request[h] != NONE && role[h] == SECONDARY && (!calm || gone == rTo[h]) ->
       if
       :: request[h] == TAKE || request[h] == STORED || request[h] == NOT_TAKEN -> mayHold[h] = 1
       :: else
       fi;
       give_up() }
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
       :: rGeneration[h] == note[h] && rHolder[h] == h ->
          term[h] = rTerm[h]; revision[h] = rRevision[h]; list[h] = rList[h]; be_primary()
       :: else -> be_secondary()
       fi;
       forget_request();
       judge() }
  /* A holder whose switch is not decided acts by promises only; a secondary may have got further than its note. */
  :: d_step { role[h] == STARTING && pending[h] && nHolder[h] == h ->
       term[h] = nTerm[h]; list[h] = nList[h]; be_primary(); forget_request();
       judge() }
  :: d_step { role[h] == STARTING && pending[h] && nHolder[h] != h -> be_secondary(); mayHold[h] = 1; forget_request() }

  /* ---- primary: the lease ---- */
  :: d_step { role[h] == PRIMARY && uses_witness(h) && lease[h] < LEASE && gone != renews_at(h) ->
       if
       :: wGeneration[renews_at(h)] > 0 && wHolder[renews_at(h)] == h && wTerm[renews_at(h)] == term[h] ->
          wLease[renews_at(h)] = OVER; lease[h] = LEASE; judge()
       :: else -> start_again() /* spent */
       fi }
  :: d_step { role[h] == PRIMARY && up[h] && lease[h] < LEASE && role[OTHER] == SECONDARY && serves[OTHER] && !mayHold[OTHER] ->
       promise[OTHER] = OVER; lease[h] = LEASE;
       judge() }

  /* ---- primary: the claim ---- */
  :: d_step { role[h] == PRIMARY && !pending[h] && !unsure[h] && wished(h) != list[h] && may_list && request[h] == NONE ->
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
  /*
   * 1. It notes what it is about to do; the former witness is asked for nothing any more. A change that may be stored there or not
   * is no hindrance: whoever is listed in what is stored, or may be, is listed in what is carried, and notes it. One that cannot
   * be finished is replaced by the next one, to the other witness, in the same way.
   */
  :: d_step { role[h] == PRIMARY && would_switch(h) && (pending[h] || may_begin) ->
       give_up();
       list[h] = believed(h); unsure[h] = 0; next[h] = 0;
       note_pending(note[h] + 1, term[h], h, list[h]) }
  /* 2. Everybody that the claim lists notes it; what was under way there is forgotten. (Step of the primary's link: `h` is the secondary.) */
  :: d_step { role[h] == SECONDARY && serves[h] && !sealed[h] && up[OTHER] && pending[OTHER] && nList[OTHER] == BOTH &&
       note[h] < note[OTHER] ->
       give_up(); mayHold[h] = 0;
       note_pending(note[OTHER], term[OTHER], OTHER, BOTH) }
  /* 3. The claim is carried to the next witness. */
  :: d_step { role[h] == PRIMARY && pending[h] && request[h] == NONE && all_noted && !asked[h] -> ask_carry(); asked[h] = calm }
  /* 4. What that witness has is noted as decided, before anything else is asked of it. */
  :: d_step { role[h] == PRIMARY && pending[h] && request[h] == TOLD ->
       if
       :: rGeneration[h] == note[h] && rHolder[h] == h && rTerm[h] == term[h] ->
          list[h] = rList[h]; revision[h] = rRevision[h];
          keep_old_note();
          note_decided();
          forget_request(); claimed();
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
       if
       :: peer[h] == OUT -> peer[h] = MEMBER
       :: else
       fi }
  :: d_step { role[h] == PRIMARY && peer[h] == ABSENT && up[h] && serves[OTHER] && !pending[h] -> peer[h] = MEMBER; lacks[OTHER] = 0 }
  /* Whoever is to be listed notes the generation first, also when that has grown since its resync ended. */
  :: d_step { role[h] == PRIMARY && peer[h] == MEMBER && up[h] && serves[OTHER] && !pending[h] && list[h] != BOTH && note[OTHER] != note[h] ->
       note[OTHER] = note[h]; pending[OTHER] = 0; nTerm[OTHER] = 0; nHolder[OTHER] = 0; nList[OTHER] = 0 }
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
  lease[0] = 0; lease[1] = 0
}

#define well(h, o) (role[h] == PRIMARY && role[o] == SECONDARY && !pending[h] && !pending[o] && note[h] == note[o] \
  && wGeneration[BY(note[h])] == note[h] && wHolder[BY(note[h])] == h && wTerm[BY(note[h])] == term[h] \
  && wList[BY(note[h])] == BOTH && list[h] == BOTH && !unsure[h] && peer[h] == MEMBER && valid(h) && !sealed[o] && !mayHold[o])
#define serving(h, o) (valid(h) && role[o] == SECONDARY && up[h] && serves[o] && wHolder[decides] == h && !mayHold[o])

proctype time() {
end:
  do
  :: d_step { !calm -> tick() }
#ifdef LIVE
  :: d_step { !calm -> calm = 1 }
  /* A pair that is at work, with no take-over under way that was given up, loses a witness for good. */
  :: d_step { !calm && late[0] != TAKE && late[1] != TAKE && (serving(0, 1) || serving(1, 0)) -> calm = 1; gone = 0 }
  :: d_step { !calm && late[0] != TAKE && late[1] != TAKE && (serving(0, 1) || serving(1, 0)) -> calm = 1; gone = 1 }
  :: timeout && calm && calmTicks < CALM -> d_step { tick(); asked[0] = 0; asked[1] = 0; calmTicks++ }
  :: timeout && calm && calmTicks == CALM -> d_step { assert(well(0, 1) || well(1, 0)); calmTicks++ }
#endif
  od
}

init {
  d_step {
    wGeneration[0] = 1; wTerm[0] = 1; wList[0] = BOTH; wLease[0] = OVER;
    note[0] = 1; note[1] = 1;
    role[0] = PRIMARY; term[0] = 1; list[0] = BOTH; peer[0] = MEMBER; up[0] = 1;
    role[1] = SECONDARY; serves[1] = 1; promise[1] = OVER
  };
  atomic { run host(0); run host(1); run road(0, 0); run road(0, 1); run road(1, 0); run road(1, 1); run time() }
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
