/*
 * Which pages of a guest's memory changed since the last look. The memory is a file that the guest's machine maps, mapped here as well; of
 * what it was at the last look a digest of each page is kept in memory of this process, where no other can cut it short. A page with another
 * digest is copied into a buffer that goes to the peer. Node's pool does it. Each look reads all of the memory, so its bus is what
 * bounds it: a second copy of the memory to compare with would be read as well.
 *
 * The digest is the NH of UMAC over words of 64 bits, under a random key that nobody is told: of two different pages, whatever they are, the
 * digests are the same with a probability of 2^-64 at most (docs/decisions/native-addons.md).
 *
 * The guest's file belongs to others. Where it was cut off, or its file system cannot give a page, reading raises SIGBUS; then pages of zeros
 * take the place of the lost ones, the memory counts as broken for good, and the process lives.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

#define PAGE 4096u
#define CHUNK 65536u
/* At once, on a thread's stack. */
#define ASKED_PAGES 4096
#define WORDS (PAGE / 8)
/* The processor reads ahead by itself only to the end of a page. */
#define AHEAD PAGE
#define MEMORIES_MAX 64
/* Doubles hold whole numbers up to here. */
#define BYTES_MAX (1ll << 53)

typedef unsigned __int128 Digest;

typedef struct {
  const char *guest;
  /* Of each page; that of a page of zeros is 0. */
  Digest *digests;
  /* A byte for each chunk: whether anything but zeros may have been there. */
  char *known;
  uint64_t key[WORDS];
  /* What has to be taken off for a page of zeros to be 0. */
  Digest of_zeros;
  int64_t bytes;
  int fd, slot, looks;
} Memory;

/* For the handler, which may come at any time and in any thread. */
static struct {
  uintptr_t first, past;
  int used, broken;
} mapped[MEMORIES_MAX];
static struct sigaction before;
static const char zeros[CHUNK];

static void lost(int number, siginfo_t *info, void *context) {
  uintptr_t at = (uintptr_t)info->si_addr;
  /* Only what the kernel says of a page has an address. */
  for (int slot = 0; slot < MEMORIES_MAX && info->si_code > 0; slot++) {
    uintptr_t first = __atomic_load_n(&mapped[slot].first, __ATOMIC_ACQUIRE), past = __atomic_load_n(&mapped[slot].past, __ATOMIC_ACQUIRE);
    if (at < first || at >= past) continue;
    uintptr_t page = at & ~(uintptr_t)(PAGE - 1);
    if (mmap((void *)page, past - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) break;
    __atomic_store_n(&mapped[slot].broken, 1, __ATOMIC_RELEASE);
    return;
  }
  /* Not ours: as if this handler were not there. */
  if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(number, info, context);
  else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) before.sa_handler(number);
  else if (sigaction(SIGBUS, &before, NULL) == 0) raise(number);
}

static bool watch(void) {
  static bool watching;
  struct sigaction action = {.sa_sigaction = lost, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  if (!watching) watching = sigaction(SIGBUS, &action, &before) == 0;
  return watching;
}

static size_t digests_bytes(const Memory *memory) { return (size_t)memory->bytes / PAGE * sizeof(Digest); }

static void unmap(Memory *memory) {
  if (memory->slot >= 0) {
    __atomic_store_n(&mapped[memory->slot].past, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&mapped[memory->slot].first, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&mapped[memory->slot].used, 0, __ATOMIC_RELEASE);
  }
  if (memory->guest != NULL) munmap((void *)memory->guest, (size_t)memory->bytes);
  if (memory->digests != NULL) munmap(memory->digests, digests_bytes(memory));
  free(memory->known);
  memory->guest = memory->known = NULL;
  memory->digests = NULL;
  memory->slot = -1;
}

static bool has_all(const Memory *memory) {
  struct stat now;
  return fstat(memory->fd, &now) == 0 && now.st_size == memory->bytes;
}

static Digest product(const char *page, const uint64_t *key, size_t at) {
  uint64_t words[2];
  memcpy(words, page + at * sizeof *words, sizeof words);
  return (Digest)(words[0] + key[at]) * (words[1] + key[at + 1]);
}

/* The guest may write while it is read; then this is the digest of no page, or of one that was. */
static Digest digest_of(const Memory *memory, const char *page) {
  /* Two sums, for neither to wait for the other. */
  Digest one = -memory->of_zeros, other = 0;
  for (size_t at = 0; at < WORDS; at += 8) {
    __builtin_prefetch(page + at * 8 + AHEAD);
    one += product(page, memory->key, at) + product(page, memory->key, at + 4);
    other += product(page, memory->key, at + 2) + product(page, memory->key, at + 6);
  }
  return one + other;
}

static const char *map(Memory *memory) {
  size_t bytes = (size_t)memory->bytes;
  if (!has_all(memory)) return "the file has another size";
  if (!watch()) return "the system lets nobody watch for lost pages";
  for (int slot = 0; slot < MEMORIES_MAX && memory->slot < 0; slot++)
    if (!__atomic_exchange_n(&mapped[slot].used, 1, __ATOMIC_ACQ_REL)) memory->slot = slot;
  if (memory->slot < 0) return "too many memories at once";
  void *guest = mmap(NULL, bytes, PROT_READ, MAP_SHARED, memory->fd, 0);
  if (guest != MAP_FAILED) memory->guest = guest;
  void *digests = mmap(NULL, digests_bytes(memory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (digests != MAP_FAILED) memory->digests = digests;
  memory->known = calloc(bytes / CHUNK + 1, 1);
  if (memory->guest == NULL || memory->digests == NULL || memory->known == NULL) return "no room to map a memory";
  __atomic_store_n(&mapped[memory->slot].broken, 0, __ATOMIC_RELEASE);
  __atomic_store_n(&mapped[memory->slot].first, (uintptr_t)guest, __ATOMIC_RELEASE);
  __atomic_store_n(&mapped[memory->slot].past, (uintptr_t)guest + bytes, __ATOMIC_RELEASE);
  return NULL;
}

typedef struct {
  napi_async_work work;
  napi_ref held, done, keep_ranges, keep_runs, keep_out;
  Memory *memory;
  const double *ranges;
  double *runs;
  char *out;
  size_t ranges_length, runs_length, out_length, at, filled;
  int64_t next;
  uint32_t count;
  int32_t error;
} Look;

/* False when there is no room for the page. A page beside the last one makes its run longer. */
static bool take_page(Look *it, const char *page, int64_t offset) {
  Memory *memory = it->memory;
  double *last = it->count == 0 ? NULL : it->runs + it->count - 2;
  bool longer = last != NULL && last[0] + last[1] == (double)offset;
  if (it->out_length - it->filled < PAGE || (!longer && it->runs_length - it->count < 2)) return false;
  /* The guest may run: what is told and its digest must be of the same moment. */
  memcpy(it->out + it->filled, page, PAGE);
  memory->digests[offset / PAGE] = digest_of(memory, it->out + it->filled);
  memory->known[offset / CHUNK] = 1;
  it->filled += PAGE;
  if (longer) last[1] += PAGE;
  else {
    it->runs[it->count++] = (double)offset;
    it->runs[it->count++] = PAGE;
  }
  return true;
}

/* Up to the end of a chunk. `guest` is what is there now. False when there is no room; `next` tells where. */
static bool compare(Look *it, const char *guest, int64_t from, int64_t past) {
  const Memory *memory = it->memory;
  for (int64_t at = from; at < past; at += PAGE) {
    const char *page = guest + (at - from);
    if (digest_of(memory, page) == memory->digests[at / PAGE]) continue;
    it->next = at;
    if (!take_page(it, page, at)) return false;
  }
  return true;
}

static int64_t lower(int64_t one, int64_t other) { return one < other ? one : other; }

/* Where the guest never wrote, the file has holes, and to look at one through the mapping would fill it. */
static bool look_at_run(Look *it, int64_t from, int64_t past, bool is_hole) {
  for (int64_t at = from, end; at < past; at = end) {
    end = lower(past, (at / CHUNK + 1) * CHUNK);
    if (is_hole && !it->memory->known[at / CHUNK]) continue;
    if (!compare(it, is_hole ? zeros : it->memory->guest + at, at, end)) return false;
  }
  return true;
}

/* As the file system tells it: exact, and slow, because it counts the pages of a run one by one, beyond `past` as well. */
static bool look_by_file(Look *it, int64_t from, int64_t past) {
  int fd = it->memory->fd;
  for (int64_t at = from; at < past;) {
    int64_t data = lseek(fd, at, SEEK_DATA);
    /* A file system that knows no holes has none. */
    if (data < 0) data = errno == ENXIO ? past : at;
    data = lower(data, past);
    if (!look_at_run(it, at, data, true)) return false;
    if (data == past) return true;
    int64_t hole = lseek(fd, data, SEEK_HOLE);
    hole = hole <= data ? past : lower(hole, past);
    if (!look_at_run(it, data, hole, false)) return false;
    at = hole;
  }
  return true;
}

/* What the kernel says is in memory is no hole, which is most of it. Of the rest, holes and what was swapped out, the file system is asked. */
static bool look_at_range(Look *it, int64_t from, int64_t past) {
  unsigned char present[ASKED_PAGES];
  for (int64_t at = from; at < past;) {
    int64_t end = lower(past, at + (int64_t)ASKED_PAGES * PAGE);
    if (mincore((void *)(it->memory->guest + at), (size_t)(end - at), present) != 0) return look_by_file(it, at, past);
    for (int64_t page = 0, run; at < end; page = run) {
      bool is_present = present[page] & 1;
      for (run = page + 1; at + (run - page) * PAGE < end && (present[run] & 1) == is_present;) run++;
      int64_t run_end = at + (run - page) * PAGE;
      if (!(is_present ? look_at_run(it, at, run_end, false) : look_by_file(it, at, run_end))) return false;
      at = run_end;
    }
  }
  return true;
}

static void look(napi_env env, void *data) {
  (void)env;
  Look *it = data;
  int *broken = &mapped[it->memory->slot].broken;
  bool room = true;
  if (has_all(it->memory) && !__atomic_load_n(broken, __ATOMIC_ACQUIRE))
    for (; it->at < it->ranges_length; it->at += 2) {
      room = look_at_range(it, (int64_t)it->ranges[it->at], (int64_t)(it->ranges[it->at] + it->ranges[it->at + 1]));
      if (!room) break;
    }
  if (!has_all(it->memory)) __atomic_store_n(broken, 1, __ATOMIC_RELEASE);
  if (__atomic_load_n(broken, __ATOMIC_ACQUIRE)) it->error = EIO;
  if (room) it->next = 0;
}

static void tell(napi_env env, napi_status status, void *data) {
  Look *it = data;
  napi_value done, undefined, answer[4];
  it->memory->looks--;
  if (status != napi_ok) it->error = ECANCELED;
  if (napi_get_reference_value(env, it->done, &done) == napi_ok && napi_get_undefined(env, &undefined) == napi_ok &&
      napi_create_int32(env, it->error, &answer[0]) == napi_ok && napi_create_uint32(env, it->count, &answer[1]) == napi_ok &&
      napi_create_uint32(env, (uint32_t)it->at, &answer[2]) == napi_ok && napi_create_int64(env, it->next, &answer[3]) == napi_ok)
    napi_call_function(env, undefined, done, 4, answer, NULL);
  const napi_ref held[] = {it->held, it->done, it->keep_ranges, it->keep_runs, it->keep_out};
  for (size_t at = 0; at < sizeof held / sizeof *held; at++) napi_delete_reference(env, held[at]);
  napi_delete_async_work(env, it->work);
  free(it);
}

static void forget(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  unmap(data);
  free(data);
}

/* openMemory(fd, bytes, key): the file, which must have that size and stay open as long as the memory is. It counts as having been all zeros. */
static napi_value open_memory(napi_env env, napi_callback_info info) {
  napi_value values[3], external;
  void *key;
  size_t key_length;
  Memory ask = {.slot = -1};
  if (!take(env, info, 3, values) || napi_get_value_int32(env, values[0], &ask.fd) != napi_ok ||
      napi_get_value_int64(env, values[1], &ask.bytes) != napi_ok || ask.bytes <= 0 || ask.bytes >= BYTES_MAX || ask.bytes % PAGE != 0 ||
      napi_get_buffer_info(env, values[2], &key, &key_length) != napi_ok || key_length != PAGE)
    return refuse(env, "openMemory(fd, bytes, key)");
  Memory *memory = malloc(sizeof *memory);
  if (memory == NULL) return refuse(env, "no memory for a memory");
  *memory = ask;
  memcpy(memory->key, key, PAGE);
  memory->of_zeros = digest_of(memory, zeros);
  const char *why = map(memory);
  if (why == NULL && napi_create_external(env, memory, forget, NULL, &external) == napi_ok) return external;
  forget(env, memory, NULL);
  return refuse(env, why == NULL ? "no handle for a memory" : why);
}

static bool doubles(napi_env env, napi_value value, double **numbers, size_t *length) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok || type != napi_float64_array) return false;
  *numbers = data;
  return *length % 2 == 0;
}

/* Every range lies in the memory, in whole pages. */
static bool are_inside(const double *ranges, size_t length, const Memory *memory) {
  for (size_t at = 0; at < length; at += 2) {
    double from = ranges[at], bytes = ranges[at + 1];
    if (!(from >= 0 && bytes >= 0 && from + bytes <= (double)memory->bytes)) return false;
    if ((double)(int64_t)from != from || (double)(int64_t)bytes != bytes) return false;
    if ((int64_t)from % PAGE != 0 || (int64_t)bytes % PAGE != 0) return false;
  }
  return true;
}

/*
 * scan(memory, ranges, runs, out, done): looks at `ranges`, pairs of offset and length in a Float64Array. Puts what changed into `runs`,
 * pairs again, and the bytes of these into `out`, one after the other; both end it when they are full. Calls done(errno, count, at, next):
 * how many numbers are in `runs`; at which number of `ranges`, and there at which offset, it ended for want of room; `at` is past the
 * last when it looked at all. Ranges of looks that are under way at the same time must not touch.
 */
static napi_value scan(napi_env env, napi_callback_info info) {
  static const char usage[] = "scan(memory, ranges, runs, out, done)";
  napi_value values[5], name;
  napi_valuetype kind;
  double *ranges;
  void *out;
  Look ask = {0};
  ask.memory = take(env, info, 5, values) ? external_of(env, values[0]) : NULL;
  if (ask.memory == NULL || !doubles(env, values[1], &ranges, &ask.ranges_length) ||
      !doubles(env, values[2], &ask.runs, &ask.runs_length) || napi_get_buffer_info(env, values[3], &out, &ask.out_length) != napi_ok ||
      napi_typeof(env, values[4], &kind) != napi_ok || kind != napi_function)
    return refuse(env, usage);
  if (ask.memory->guest == NULL) return refuse(env, "the memory is closed");
  if (!are_inside(ranges, ask.ranges_length, ask.memory)) return refuse(env, "the ranges are not pages of the memory");
  ask.ranges = ranges;
  ask.out = out;
  Look *it = malloc(sizeof *it);
  if (it == NULL) return refuse(env, "no memory to look at a memory");
  *it = ask;
  if (napi_create_string_utf8(env, "holdfast memory", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, values[0], 1, &it->held) != napi_ok || napi_create_reference(env, values[1], 1, &it->keep_ranges) != napi_ok ||
      napi_create_reference(env, values[2], 1, &it->keep_runs) != napi_ok || napi_create_reference(env, values[3], 1, &it->keep_out) != napi_ok ||
      napi_create_reference(env, values[4], 1, &it->done) != napi_ok ||
      napi_create_async_work(env, NULL, name, look, tell, it, &it->work) != napi_ok || napi_queue_async_work(env, it->work) != napi_ok)
    return refuse(env, "no thread to look at a memory");
  it->memory->looks++;
  return NULL;
}

/* closeMemory(memory): nothing of it must be under way. It must not be named again. */
static napi_value close_memory(napi_env env, napi_callback_info info) {
  napi_value values[1];
  Memory *memory = take(env, info, 1, values) ? external_of(env, values[0]) : NULL;
  if (memory == NULL) return refuse(env, "closeMemory(memory)");
  if (memory->looks > 0) return refuse(env, "the memory is being looked at");
  unmap(memory);
  return NULL;
}

NAPI_MODULE_INIT() {
  const struct addon_call calls[] = {{"openMemory", open_memory}, {"scan", scan}, {"closeMemory", close_memory}};
  return offer(env, exports, calls, sizeof calls / sizeof *calls, "holdfast-memory cannot be loaded");
}
