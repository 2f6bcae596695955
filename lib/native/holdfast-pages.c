/*
 * Gives pages of a file that is mapped, and was never written through the mapping, back to the page cache: madvise(2) with
 * MADV_DONTNEED, for which Node has no call. What is touched again comes from the cache; nothing is lost. In other memory it would
 * be: the caller names such mappings only.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

/* giveBack(from, to): addresses, whole pages. Answers the errno; 0: done. */
static napi_value give_back(napi_env env, napi_callback_info info) {
  static const char usage[] = "giveBack(from, to)";
  napi_value values[2], answer;
  int64_t from, to;
  if (!take(env, info, 2, values) || napi_get_value_int64(env, values[0], &from) != napi_ok ||
      napi_get_value_int64(env, values[1], &to) != napi_ok || from <= 0 || to <= from)
    return refuse(env, usage);
  int error = madvise((void *)(uintptr_t)from, (size_t)(to - from), MADV_DONTNEED) == 0 ? 0 : errno;
  return napi_create_int32(env, error, &answer) == napi_ok ? answer : refuse(env, usage);
}

NAPI_MODULE_INIT() {
  const struct addon_call calls[] = {{"giveBack", give_back}};
  return offer(env, exports, calls, sizeof calls / sizeof *calls, "holdfast-pages cannot be loaded");
}
