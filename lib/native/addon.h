/* What every addon needs to talk with JavaScript. */
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

struct addon_call {
  const char *name;
  napi_callback call;
};

static napi_value refuse(napi_env env, const char *why) {
  napi_throw_error(env, NULL, why);
  return NULL;
}

static bool take(napi_env env, napi_callback_info info, size_t wanted, napi_value *values) {
  size_t count = wanted;
  return napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok && count == wanted;
}

static void *external_of(napi_env env, napi_value value) {
  void *held = NULL;
  return napi_get_value_external(env, value, &held) == napi_ok ? held : NULL;
}

/* Makes these the addon's exports; `why` is thrown when that is not possible. */
static napi_value offer(napi_env env, napi_value exports, const struct addon_call *calls, size_t count, const char *why) {
  for (size_t at = 0; at < count; at++) {
    napi_value call;
    if (napi_create_function(env, calls[at].name, NAPI_AUTO_LENGTH, calls[at].call, NULL, &call) != napi_ok ||
        napi_set_named_property(env, exports, calls[at].name, call) != napi_ok)
      return refuse(env, why);
  }
  return exports;
}
