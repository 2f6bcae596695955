/*
 * TLS between memory and memory: what came from a socket in, what it says out, and the other way round. OpenSSL, the one that is
 * inside Node and that Node exports, does all of it. Node's own TLS sockets copy every record three times and wake JavaScript for
 * each, which costs more than the encryption does.
 *
 * Both sides prove with a pre-shared key that they belong together; every suite that is offered has forward secrecy.
 */
#include "addon.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 32u
#define IDENTITY_BYTES_MAX 128u
/* Handshakes, alerts: what the protocol says by itself. */
#define OWN_WORDS_BYTES_MAX (64u * 1024u)
/* For a side that has only Node's TLS, which knows pre-shared keys up to 1.2. */
#define OLDER_SUITES "ECDHE-PSK-CHACHA20-POLY1305"
/* The one suite of 1.3 for which a plain key is enough. */
#define SUITES "TLS_AES_128_GCM_SHA256"

enum { GREETING, OPEN, OVER, FAILED };

typedef struct {
  SSL *ssl;
  int state;
  const uint8_t *from;
  size_t from_left;
  /* Records go here while data is sealed, and to `own` otherwise. */
  uint8_t *into;
  size_t into_room, into_used;
  uint8_t *own;
  size_t own_used;
  char why[160];
  char identity[IDENTITY_BYTES_MAX + 1];
  uint8_t key[KEY_BYTES];
} Session;

static BIO_METHOD *memory_method;

/* --- what OpenSSL reads from and writes to --- */

static int memory_read(BIO *bio, char *into, int room) {
  Session *session = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (session->from_left == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t count = (size_t)room < session->from_left ? (size_t)room : session->from_left;
  memcpy(into, session->from, count);
  session->from += count;
  session->from_left -= count;
  return (int)count;
}

static int memory_write(BIO *bio, const char *bytes, int count) {
  Session *session = BIO_get_data(bio);
  size_t length = (size_t)count;
  BIO_clear_retry_flags(bio);
  if (session->into != NULL) {
    if (length > session->into_room - session->into_used) return -1;
    memcpy(session->into + session->into_used, bytes, length);
    session->into_used += length;
    return count;
  }
  if (length > OWN_WORDS_BYTES_MAX - session->own_used) return -1;
  uint8_t *own = realloc(session->own, session->own_used + length);
  if (own == NULL) return -1;
  memcpy(own + session->own_used, bytes, length);
  session->own = own;
  session->own_used += length;
  return count;
}

static long memory_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static int memory_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static bool make_method(void) {
  if (memory_method != NULL) return true;
  memory_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "holdfast memory");
  return memory_method != NULL && BIO_meth_set_read(memory_method, memory_read) && BIO_meth_set_write(memory_method, memory_write) &&
         BIO_meth_set_ctrl(memory_method, memory_control) && BIO_meth_set_create(memory_method, memory_create);
}

/* --- the key --- */

static unsigned key_for_client(SSL *ssl, const char *hint, char *identity, unsigned identity_room, unsigned char *key, unsigned key_room) {
  (void)hint;
  const Session *session = SSL_get_app_data(ssl);
  if (strlen(session->identity) >= identity_room || key_room < KEY_BYTES) return 0;
  strcpy(identity, session->identity);
  memcpy(key, session->key, KEY_BYTES);
  return KEY_BYTES;
}

static unsigned key_for_server(SSL *ssl, const char *identity, unsigned char *key, unsigned key_room) {
  const Session *session = SSL_get_app_data(ssl);
  if (identity == NULL || strcmp(identity, session->identity) != 0 || key_room < KEY_BYTES) return 0;
  memcpy(key, session->key, KEY_BYTES);
  return KEY_BYTES;
}

/* --- the session --- */

static void fail(Session *session) {
  session->state = FAILED;
  unsigned long code = ERR_get_error();
  if (session->why[0] != '\0') return;
  const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
  strncpy(session->why, reason == NULL ? "the other side broke the protocol" : reason, sizeof session->why - 1);
}

static void free_session(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  Session *session = data;
  SSL_free(session->ssl);
  free(session->own);
  OPENSSL_cleanse(session, sizeof *session);
  free(session);
}

static SSL_CTX *make_context(bool is_server) {
  SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  if (context == NULL) return NULL;
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (is_server) SSL_CTX_set_psk_server_callback(context, key_for_server);
  else SSL_CTX_set_psk_client_callback(context, key_for_client);
  /* In 1.3 a server may pass over the key and show a certificate. No authority is known here, so none is good. */
  SSL_CTX_set_verify(context, is_server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) && SSL_CTX_set_cipher_list(context, OLDER_SUITES) &&
      SSL_CTX_set_ciphersuites(context, SUITES) && SSL_CTX_set_num_tickets(context, 0))
    return context;
  SSL_CTX_free(context);
  return NULL;
}

static bool start(Session *session, bool is_server) {
  SSL_CTX *context = make_method() ? make_context(is_server) : NULL;
  BIO *bio = context == NULL ? NULL : BIO_new(memory_method);
  session->ssl = bio == NULL ? NULL : SSL_new(context);
  SSL_CTX_free(context);
  if (session->ssl == NULL) {
    BIO_free(bio);
    return false;
  }
  BIO_set_data(bio, session);
  SSL_set_bio(session->ssl, bio, bio);
  SSL_set_app_data(session->ssl, session);
  if (is_server) SSL_set_accept_state(session->ssl);
  else SSL_set_connect_state(session->ssl);
  return true;
}

/* By the key, and by nothing else. */
static bool is_proven(const Session *session) {
  if (SSL_version(session->ssl) >= TLS1_3_VERSION) return SSL_session_reused(session->ssl) == 1;
  return SSL_CIPHER_get_auth_nid(SSL_get_current_cipher(session->ssl)) == NID_auth_psk;
}

static void greet(Session *session) {
  int result = SSL_do_handshake(session->ssl);
  if (result == 1) {
    session->state = OPEN;
    if (!is_proven(session)) fail(session);
  } else if (SSL_get_error(session->ssl, result) != SSL_ERROR_WANT_READ) fail(session);
}

static size_t read_into(Session *session, uint8_t *into, size_t room) {
  size_t done = 0;
  while (done < room) {
    size_t count = 0;
    int result = SSL_read_ex(session->ssl, into + done, room - done, &count);
    if (result == 1) {
      done += count;
      continue;
    }
    int error = SSL_get_error(session->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) session->state = OVER;
    else if (error != SSL_ERROR_WANT_READ) fail(session);
    break;
  }
  return done;
}

/* --- for JavaScript --- */

static bool buffer_of(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  void *data = NULL;
  bool is_buffer = false;
  if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer) return false;
  if (napi_get_buffer_info(env, value, &data, length) != napi_ok) return false;
  *bytes = data;
  return true;
}

static napi_value number(napi_env env, double value) {
  napi_value answer;
  napi_create_double(env, value, &answer);
  return answer;
}

/* begin(isServer, identity, key): a session. The client's first words are there to be told. */
static napi_value begin(napi_env env, napi_callback_info info) {
  napi_value values[3], external;
  bool is_server;
  uint8_t *key;
  size_t key_length, identity_length;
  if (!take(env, info, 3, values) || napi_get_value_bool(env, values[0], &is_server) != napi_ok ||
      napi_get_value_string_utf8(env, values[1], NULL, 0, &identity_length) != napi_ok ||
      !buffer_of(env, values[2], &key, &key_length) || key_length != KEY_BYTES || identity_length == 0 ||
      identity_length > IDENTITY_BYTES_MAX)
    return refuse(env, "begin(isServer, identity, key)");
  Session *session = calloc(1, sizeof *session);
  if (session == NULL) return refuse(env, "no memory for a session");
  napi_get_value_string_utf8(env, values[1], session->identity, sizeof session->identity, NULL);
  memcpy(session->key, key, KEY_BYTES);
  ERR_clear_error();
  bool started = start(session, is_server);
  if (started && !is_server) greet(session);
  ERR_clear_error();
  if (started && napi_create_external(env, session, free_session, NULL, &external) == napi_ok) return external;
  free_session(env, session, NULL);
  return refuse(env, "OpenSSL gives no session");
}

/*
 * open(session, from, into, result): result, an Int32Array, tells how many bytes of `from` were used, how many of `into` were filled, the
 * state, and how many bytes of its own the session has to tell. To be called again with the rest of `from` as long as the call
 * used any of it, or filled any of `into`.
 */
static napi_value open_sealed(napi_env env, napi_callback_info info) {
  napi_value values[4];
  napi_typedarray_type type;
  uint8_t *from, *into;
  size_t length, room, results;
  void *result;
  Session *session = take(env, info, 4, values) ? external_of(env, values[0]) : NULL;
  if (session == NULL || !buffer_of(env, values[1], &from, &length) || !buffer_of(env, values[2], &into, &room) ||
      napi_get_typedarray_info(env, values[3], &type, &results, &result, NULL, NULL) != napi_ok || type != napi_int32_array || results < 4)
    return refuse(env, "open(session, from, into, result)");
  session->from = from;
  session->from_left = length;
  ERR_clear_error();
  size_t filled = 0;
  if (session->state == GREETING) greet(session);
  else if (session->state == OPEN) filled = read_into(session, into, room);
  int32_t *told = result;
  told[0] = (int32_t)(length - session->from_left);
  told[1] = (int32_t)filled;
  told[2] = session->state;
  told[3] = (int32_t)session->own_used;
  session->from = NULL;
  session->from_left = 0;
  ERR_clear_error();
  return NULL;
}

/* seal(session, from, into, at): where in `into` the sealed bytes of `from`, put at `at`, end; -1 when they do not fit. */
static napi_value seal(napi_env env, napi_callback_info info) {
  napi_value values[4];
  uint8_t *from, *into;
  size_t length, room, count = 0;
  int64_t at;
  Session *session = take(env, info, 4, values) ? external_of(env, values[0]) : NULL;
  if (session == NULL || !buffer_of(env, values[1], &from, &length) || !buffer_of(env, values[2], &into, &room) ||
      napi_get_value_int64(env, values[3], &at) != napi_ok || at < 0 || (size_t)at > room)
    return refuse(env, "seal(session, from, into, at)");
  if (session->state != OPEN) return number(env, -1);
  if (length == 0) return number(env, (double)at);
  session->into = into;
  session->into_room = room;
  session->into_used = (size_t)at;
  ERR_clear_error();
  if (SSL_write_ex(session->ssl, from, length, &count) != 1 || count != length) fail(session);
  session->into = NULL;
  ERR_clear_error();
  return number(env, session->state == OPEN ? (double)session->into_used : -1);
}

/* tell(session, into): moves what the session has to tell by itself to `into`, and answers how much that is. */
static napi_value tell(napi_env env, napi_callback_info info) {
  napi_value values[2];
  uint8_t *into;
  size_t room;
  Session *session = take(env, info, 2, values) ? external_of(env, values[0]) : NULL;
  if (session == NULL || !buffer_of(env, values[1], &into, &room)) return refuse(env, "tell(session, into)");
  size_t count = room < session->own_used ? room : session->own_used;
  if (count > 0) {
    memcpy(into, session->own, count);
    session->own_used -= count;
    memmove(session->own, session->own + count, session->own_used);
  }
  return number(env, (double)count);
}

/*
 * renew(session): what is sealed from now on has a new key. A key of AES-GCM is good for some 2^24 records. Before 1.3 nothing happens:
 * the one suite that is offered there needs no new keys.
 */
static napi_value renew(napi_env env, napi_callback_info info) {
  napi_value values[1];
  Session *session = take(env, info, 1, values) ? external_of(env, values[0]) : NULL;
  if (session == NULL) return refuse(env, "renew(session)");
  ERR_clear_error();
  if (session->state == OPEN && SSL_version(session->ssl) >= TLS1_3_VERSION &&
      SSL_key_update(session->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
    fail(session);
  ERR_clear_error();
  return NULL;
}

/* end(session): says goodbye, to be told. */
static napi_value end(napi_env env, napi_callback_info info) {
  napi_value values[1];
  Session *session = take(env, info, 1, values) ? external_of(env, values[0]) : NULL;
  if (session == NULL) return refuse(env, "end(session)");
  if (session->state == OPEN || session->state == OVER) SSL_shutdown(session->ssl);
  ERR_clear_error();
  return NULL;
}

/* why(session): what went wrong; empty while nothing did. */
static napi_value why(napi_env env, napi_callback_info info) {
  napi_value values[1], answer;
  Session *session = take(env, info, 1, values) ? external_of(env, values[0]) : NULL;
  if (session == NULL) return refuse(env, "why(session)");
  napi_create_string_utf8(env, session->why, NAPI_AUTO_LENGTH, &answer);
  return answer;
}

NAPI_MODULE_INIT() {
  const struct addon_call calls[] = {{"begin", begin}, {"open", open_sealed}, {"seal", seal}, {"tell", tell},
               {"renew", renew}, {"end", end}, {"why", why}};
  return offer(env, exports, calls, sizeof calls / sizeof *calls, "holdfast-tls cannot be loaded");
}
