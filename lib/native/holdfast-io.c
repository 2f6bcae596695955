/*
 * What Node has no call for, or a dear one, on a replica's file.
 *
 * A lane is one thread that makes the changes of one open file, many for each time it is woken. Node's pool wakes a thread and the
 * loop for each of them, which costs three times the write itself. The lane may wait for its disk for ever; the loop never does.
 * Flushes have a lane of their own, so that no write waits for one.
 *
 * readNow reads what is in memory already, on the loop; it never waits for the disk. sendNow hands bytes to a socket past Node's streams;
 * it never waits for the other side.
 *
 * And memory that is freed is to leave the process.
 *
 * Threads and locks are libuv's, which Node exports: nothing is asked of the C library that an old one lacks.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#define LANE_LENGTH 1024u /* a power of two; beyond it the caller uses Node's pool */
#define TELL_AFTER_BYTES (256u * 1024u) /* the first of many large writes is not to be answered with the last */
#define SENT_PIECES_MAX 64u /* the rest is not taken, as what finds no room */
#define WAIT_NS_MAX (300u * 1000u) /* for the loop to come by itself for what nobody waits for alone */
#define STACK_BYTES (256u * 1024u)
/* Left alone, glibc takes larger and larger buffers from its heap, which never becomes smaller then. */
#define MAPPED_BYTES_MIN (128 * 1024)
#define ARENAS_MAX 2
/* Of the kernel, and not in all headers: RWF_NOWAIT, FALLOC_FL_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE. */
#define READ_NOW_FLAG 0x08
#define KEEP_SIZE_FLAG 0x01
#define PUNCH_FLAG 0x02
#define ZERO_FLAG 0x10

typedef enum { WRITE, PUNCH, ZERO, FLUSH } Kind;

typedef struct {
  uint32_t slot;
  int32_t error;
  Kind kind;
  bool may_wait;
  const char *data;
  size_t length;
  off_t offset;
} Change;

/* `asked` is the loop's, `done` the thread's, `told` what the loop has collected; each follows the one before. */
typedef struct {
  uv_mutex_t lock;
  uv_cond_t wake;
  uv_thread_t thread;
  napi_threadsafe_function tell;
  int fd;
  uint32_t asked, done, told;
  /* `awaited`: something that is done and was not collected must be told at once. */
  bool telling, awaited, closing, ended;
  Change ring[LANE_LENGTH];
} Lane;

static int write_all(int fd, const Change *change) {
  size_t done = 0;
  while (done < change->length) {
    ssize_t count = pwrite(fd, change->data + done, change->length - done, change->offset + (off_t)done);
    if (count > 0) done += (size_t)count;
    else if (count == 0) return EIO;
    else if (errno != EINTR) return errno;
  }
  return 0;
}

static int zero_all(int fd, const Change *change) {
  int failed;
  int flag = change->kind == PUNCH ? PUNCH_FLAG : ZERO_FLAG;
  do failed = fallocate(fd, flag | KEEP_SIZE_FLAG, change->offset, (off_t)change->length);
  while (failed != 0 && errno == EINTR);
  return failed == 0 ? 0 : errno;
}

static int flush_all(int fd) {
  int failed;
  do failed = fdatasync(fd);
  while (failed != 0 && errno == EINTR);
  return failed == 0 ? 0 : errno;
}

static int make(int fd, const Change *change) {
  if (change->kind == WRITE) return write_all(fd, change);
  return change->kind == FLUSH ? flush_all(fd) : zero_all(fd, change);
}

/* Flushes that were asked for before one begins are done when it is. Called with the lock held. */
static uint32_t made_together(const Lane *lane) {
  uint32_t count = 1;
  while (lane->ring[lane->done % LANE_LENGTH].kind == FLUSH && lane->done + count != lane->asked &&
         lane->ring[(lane->done + count) % LANE_LENGTH].kind == FLUSH)
    count++;
  return count;
}

/* Called and left with the lock held. */
static bool loop_is_told(Lane *lane) {
  lane->telling = true;
  lane->awaited = false;
  uv_mutex_unlock(&lane->lock);
  bool told = napi_call_threadsafe_function(lane->tell, NULL, napi_tsfn_nonblocking) == napi_ok;
  uv_mutex_lock(&lane->lock);
  return told;
}

static void run_lane(void *argument) {
  Lane *lane = argument;
  size_t untold_bytes = 0;
  bool loop_lives = true;
  uv_mutex_lock(&lane->lock);
  while (loop_lives) {
    if (lane->done != lane->asked) {
      const Change *change = &lane->ring[lane->done % LANE_LENGTH];
      uint32_t together = made_together(lane);
      uv_mutex_unlock(&lane->lock);
      int error = make(lane->fd, change);
      uv_mutex_lock(&lane->lock);
      untold_bytes += change->length;
      for (; together > 0; together--) {
        Change *made = &lane->ring[lane->done++ % LANE_LENGTH];
        made->error = error;
        lane->awaited |= !made->may_wait;
      }
      if (lane->telling || !lane->awaited || (lane->done != lane->asked && untold_bytes < TELL_AFTER_BYTES)) continue;
      untold_bytes = 0;
      loop_lives = loop_is_told(lane);
    } else if (lane->closing) break;
    else if (lane->done != lane->told && !lane->telling) {
      bool late = uv_cond_timedwait(&lane->wake, &lane->lock, WAIT_NS_MAX) == UV_ETIMEDOUT;
      if (late && lane->done != lane->told && !lane->telling) loop_lives = loop_is_told(lane);
    } else uv_cond_wait(&lane->wake, &lane->lock);
  }
  lane->ended = true;
  uv_mutex_unlock(&lane->lock);
  if (loop_lives) napi_release_threadsafe_function(lane->tell, napi_tsfn_release);
}

/* Also called when Node ends; a thread that still waits, perhaps for its disk, keeps what it needs. */
static void lane_is_over(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  Lane *lane = data;
  uv_mutex_lock(&lane->lock);
  bool ended = lane->ended;
  uv_mutex_unlock(&lane->lock);
  if (!ended) return;
  uv_thread_join(&lane->thread);
  uv_cond_destroy(&lane->wake);
  uv_mutex_destroy(&lane->lock);
  free(lane);
}

/* openLane(fd, told): `told` is called when there is something to collect. */
static napi_value open_lane(napi_env env, napi_callback_info info) {
  napi_value values[2], name, external;
  int32_t fd;
  if (!take(env, info, 2, values) || napi_get_value_int32(env, values[0], &fd) != napi_ok) return refuse(env, "openLane(fd, told)");
  Lane *lane = calloc(1, sizeof *lane);
  if (lane == NULL) return refuse(env, "no memory for a lane");
  lane->fd = fd;
  if (napi_create_string_utf8(env, "holdfast lane", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, values[1], NULL, name, 0, 1, lane, lane_is_over, NULL, NULL, &lane->tell) != napi_ok) {
    free(lane);
    return refuse(env, "no way from a lane to the loop");
  }
  napi_unref_threadsafe_function(env, lane->tell);
  uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};
  if (uv_mutex_init(&lane->lock) != 0 || uv_cond_init(&lane->wake) != 0 ||
      uv_thread_create_ex(&lane->thread, &options, run_lane, lane) != 0 ||
      napi_create_external(env, lane, NULL, NULL, &external) != napi_ok)
    return refuse(env, "no thread for a lane");
  return external;
}

static napi_value ask(napi_env env, Lane *lane, const Change *change) {
  napi_value answer;
  uv_mutex_lock(&lane->lock);
  bool first = lane->asked == lane->told;
  bool room = !lane->closing && lane->asked - lane->told < LANE_LENGTH;
  if (room) lane->ring[lane->asked++ % LANE_LENGTH] = *change;
  uv_mutex_unlock(&lane->lock);
  if (room && first) napi_ref_threadsafe_function(env, lane->tell);
  napi_get_boolean(env, room, &answer);
  return answer;
}

/*
 * write(lane, slot, offset, buffer, mayWait): false when the lane is full. The buffer must live until its slot is collected. `mayWait`: the
 * loop is expected to collect it when something else has woken it; if it does not, it is told a moment later.
 */
static napi_value lane_write(napi_env env, napi_callback_info info) {
  napi_value values[5];
  Change change = {0};
  int64_t offset;
  void *data;
  Lane *lane = take(env, info, 5, values) ? external_of(env, values[0]) : NULL;
  if (lane == NULL || napi_get_value_uint32(env, values[1], &change.slot) != napi_ok ||
      napi_get_value_int64(env, values[2], &offset) != napi_ok ||
      napi_get_buffer_info(env, values[3], &data, &change.length) != napi_ok ||
      napi_get_value_bool(env, values[4], &change.may_wait) != napi_ok)
    return refuse(env, "write(lane, slot, offset, buffer, mayWait)");
  change.offset = offset;
  change.data = data;
  return ask(env, lane, &change);
}

/* zero(lane, slot, offset, length, punch): the same, by the file system alone; EOPNOTSUPP where it cannot. */
static napi_value lane_zero(napi_env env, napi_callback_info info) {
  napi_value values[5];
  Change change = {0};
  int64_t offset, length;
  bool punch;
  Lane *lane = take(env, info, 5, values) ? external_of(env, values[0]) : NULL;
  if (lane == NULL || napi_get_value_uint32(env, values[1], &change.slot) != napi_ok ||
      napi_get_value_int64(env, values[2], &offset) != napi_ok || napi_get_value_int64(env, values[3], &length) != napi_ok ||
      napi_get_value_bool(env, values[4], &punch) != napi_ok)
    return refuse(env, "zero(lane, slot, offset, length, punch)");
  change.offset = offset;
  change.length = (size_t)length;
  change.kind = punch ? PUNCH : ZERO;
  return ask(env, lane, &change);
}

/* flush(lane, slot, mayWait): the same; what was written by then, by whomever, is on stable storage. */
static napi_value lane_flush(napi_env env, napi_callback_info info) {
  napi_value values[3];
  Change change = {.kind = FLUSH};
  Lane *lane = take(env, info, 3, values) ? external_of(env, values[0]) : NULL;
  if (lane == NULL || napi_get_value_uint32(env, values[1], &change.slot) != napi_ok ||
      napi_get_value_bool(env, values[2], &change.may_wait) != napi_ok)
    return refuse(env, "flush(lane, slot, mayWait)");
  return ask(env, lane, &change);
}

/* wake(lane): after one change or many. */
static napi_value lane_wake(napi_env env, napi_callback_info info) {
  napi_value values[1];
  Lane *lane = take(env, info, 1, values) ? external_of(env, values[0]) : NULL;
  if (lane == NULL) return refuse(env, "wake(lane)");
  uv_cond_signal(&lane->wake);
  return NULL;
}

/*
 * collect(lane, into, hurry): pairs of slot and errno (0: done) put into an Int32Array; answers how many pairs. `hurry`: what is done
 * next is told at once.
 */
static napi_value lane_collect(napi_env env, napi_callback_info info) {
  napi_value values[3], answer;
  bool hurry;
  napi_typedarray_type type;
  size_t length;
  void *data;
  if (!take(env, info, 3, values)) return refuse(env, "collect(lane, into, hurry)");
  Lane *lane = external_of(env, values[0]);
  if (lane == NULL || napi_get_value_bool(env, values[2], &hurry) != napi_ok ||
      napi_get_typedarray_info(env, values[1], &type, &length, &data, NULL, NULL) != napi_ok || type != napi_int32_array)
    return refuse(env, "collect(lane, into, hurry)");
  int32_t *into = data;
  uint32_t count = 0;
  uv_mutex_lock(&lane->lock);
  lane->telling = false;
  for (; lane->told != lane->done && 2 * count + 1 < length; lane->told++, count++) {
    const Change *change = &lane->ring[lane->told % LANE_LENGTH];
    into[2 * count] = (int32_t)change->slot;
    into[2 * count + 1] = change->error;
  }
  bool last = lane->asked == lane->told;
  lane->awaited = hurry && !last;
  uv_mutex_unlock(&lane->lock);
  if (count > 0 && last) napi_unref_threadsafe_function(env, lane->tell);
  napi_create_uint32(env, count, &answer);
  return answer;
}

/* closeLane(lane): what was asked is still done; the lane must not be named again. */
static napi_value close_lane(napi_env env, napi_callback_info info) {
  napi_value values[1];
  Lane *lane = take(env, info, 1, values) ? external_of(env, values[0]) : NULL;
  if (lane == NULL) return refuse(env, "closeLane(lane)");
  uv_mutex_lock(&lane->lock);
  lane->closing = true;
  uv_cond_signal(&lane->wake);
  uv_mutex_unlock(&lane->lock);
  return NULL;
}

/* readNow(fd, offset, buffer): how many bytes were in memory, or a negative errno; -EAGAIN when the disk would have to be asked. */
static napi_value read_now(napi_env env, napi_callback_info info) {
  napi_value values[3], answer;
  int32_t fd;
  int64_t offset;
  struct iovec into;
  if (!take(env, info, 3, values) || napi_get_value_int32(env, values[0], &fd) != napi_ok ||
      napi_get_value_int64(env, values[1], &offset) != napi_ok ||
      napi_get_buffer_info(env, values[2], &into.iov_base, &into.iov_len) != napi_ok)
    return refuse(env, "readNow(fd, offset, buffer)");
  long count = syscall(SYS_preadv2, fd, &into, 1ul, (unsigned long)offset, 0ul, READ_NOW_FLAG);
  napi_create_int64(env, count < 0 ? -errno : count, &answer);
  return answer;
}

/* sendNow(fd, buffers): how many bytes the socket took without waiting, or a negative errno. */
static napi_value send_now(napi_env env, napi_callback_info info) {
  napi_value values[2], piece, answer;
  int32_t fd;
  uint32_t count;
  struct iovec pieces[SENT_PIECES_MAX];
  if (!take(env, info, 2, values) || napi_get_value_int32(env, values[0], &fd) != napi_ok ||
      napi_get_array_length(env, values[1], &count) != napi_ok)
    return refuse(env, "sendNow(fd, buffers)");
  if (count > SENT_PIECES_MAX) count = SENT_PIECES_MAX;
  for (uint32_t at = 0; at < count; at++)
    if (napi_get_element(env, values[1], at, &piece) != napi_ok ||
        napi_get_buffer_info(env, piece, &pieces[at].iov_base, &pieces[at].iov_len) != napi_ok)
      return refuse(env, "sendNow(fd, buffers)");
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  napi_create_int64(env, sent < 0 ? -errno : sent, &answer);
  return answer;
}

NAPI_MODULE_INIT() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
  mallopt(M_TRIM_THRESHOLD, MAPPED_BYTES_MIN);
  mallopt(M_ARENA_MAX, ARENAS_MAX);
#endif
  const struct addon_call calls[] = {{"openLane", open_lane}, {"write", lane_write}, {"zero", lane_zero}, {"flush", lane_flush}, {"wake", lane_wake},
               {"collect", lane_collect}, {"closeLane", close_lane}, {"readNow", read_now}, {"sendNow", send_now}};
  return offer(env, exports, calls, sizeof calls / sizeof *calls, "holdfast-io cannot be loaded");
}
