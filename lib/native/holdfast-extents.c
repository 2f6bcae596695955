/*
 * Where a file holds data: lseek(2) with SEEK_DATA and SEEK_HOLE, for which Node has no call. It may have to wait for the disk, so
 * Node's pool makes it.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

typedef struct {
  napi_async_work work;
  napi_ref done, into;
  int fd;
  int32_t error;
  int64_t offset, end;
  double *ends;
  size_t length;
  uint32_t count;
} Look;

static int64_t before(int64_t found, int64_t end) { return found < end ? found : end; }

static void look(napi_env env, void *data) {
  (void)env;
  Look *it = data;
  /* Of a file that was cut short under us, what is missing is no hole. */
  if (lseek(it->fd, 0, SEEK_END) < it->end) {
    it->error = EIO;
    return;
  }
  for (int64_t at = it->offset; at < it->end && it->count + 1 < it->length;) {
    int64_t first = lseek(it->fd, at, SEEK_DATA);
    if (first < 0 && errno == ENXIO) return;
    int64_t past = first < 0 || first >= it->end ? first : lseek(it->fd, first, SEEK_HOLE);
    if (first < 0 || past < 0) {
      it->error = errno;
      return;
    }
    if (first >= it->end) return;
    at = before(past, it->end);
    it->ends[it->count++] = (double)first;
    it->ends[it->count++] = (double)at;
  }
}

static void tell(napi_env env, napi_status status, void *data) {
  Look *it = data;
  napi_value done, undefined, answer[2];
  if (status != napi_ok) it->error = ECANCELED;
  if (napi_get_reference_value(env, it->done, &done) == napi_ok && napi_get_undefined(env, &undefined) == napi_ok &&
      napi_create_int32(env, it->error, &answer[0]) == napi_ok && napi_create_uint32(env, it->count, &answer[1]) == napi_ok)
    napi_call_function(env, undefined, done, 2, answer, NULL);
  napi_delete_reference(env, it->done);
  napi_delete_reference(env, it->into);
  napi_delete_async_work(env, it->work);
  free(it);
}

/*
 * dataRuns(fd, offset, end, into, done): puts pairs into a Float64Array: where data begin and where they end, from `offset` on and
 * before `end`, which must not be the same. Calls done(errno, count) with how many numbers there are; when `into` is full, there may be more.
 */
static napi_value data_runs(napi_env env, napi_callback_info info) {
  static const char usage[] = "dataRuns(fd, offset, end, into, done)";
  napi_value values[5], name;
  napi_typedarray_type type;
  napi_valuetype kind;
  void *ends;
  Look ask = {0};
  if (!take(env, info, 5, values) || napi_get_value_int32(env, values[0], &ask.fd) != napi_ok ||
      napi_get_value_int64(env, values[1], &ask.offset) != napi_ok || napi_get_value_int64(env, values[2], &ask.end) != napi_ok ||
      napi_get_typedarray_info(env, values[3], &type, &ask.length, &ends, NULL, NULL) != napi_ok || type != napi_float64_array ||
      napi_typeof(env, values[4], &kind) != napi_ok || kind != napi_function)
    return refuse(env, usage);
  ask.ends = ends;
  Look *it = malloc(sizeof *it);
  if (it == NULL) return refuse(env, "no memory to look at a file");
  *it = ask;
  if (napi_create_string_utf8(env, "holdfast extents", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, values[3], 1, &it->into) != napi_ok || napi_create_reference(env, values[4], 1, &it->done) != napi_ok ||
      napi_create_async_work(env, NULL, name, look, tell, it, &it->work) != napi_ok || napi_queue_async_work(env, it->work) != napi_ok)
    return refuse(env, "no thread to look at a file");
  return NULL;
}

NAPI_MODULE_INIT() {
  const struct addon_call calls[] = {{"dataRuns", data_runs}};
  return offer(env, exports, calls, sizeof calls / sizeof *calls, "holdfast-extents cannot be loaded");
}
