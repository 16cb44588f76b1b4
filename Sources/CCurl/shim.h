// libcurl for Swift, loaded when it is first needed (docs/decisions/0012-network.md). Each line after the includes says
// why it is there.
#ifndef SWIFT_SIF_CCURL_SHIM_H
#define SWIFT_SIF_CCURL_SHIM_H

// The checks of types are for calls by name; all calls here go through pointers.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

// The functions in use, with the types from the library's own header.
struct curl_calls {
  __typeof__(curl_global_init) *global_init;
  __typeof__(curl_easy_init) *easy_init;
  __typeof__(curl_easy_cleanup) *easy_cleanup;
  __typeof__(curl_easy_setopt) *easy_setopt;
  __typeof__(curl_easy_getinfo) *easy_getinfo;
  __typeof__(curl_easy_strerror) *easy_strerror;
  __typeof__(curl_easy_pause) *easy_pause;
  __typeof__(curl_easy_send) *easy_send;
  __typeof__(curl_easy_recv) *easy_recv;
  __typeof__(curl_slist_append) *slist_append;
  __typeof__(curl_slist_free_all) *slist_free_all;
  __typeof__(curl_multi_init) *multi_init;
  __typeof__(curl_multi_cleanup) *multi_cleanup;
  __typeof__(curl_multi_add_handle) *multi_add_handle;
  __typeof__(curl_multi_remove_handle) *multi_remove_handle;
  __typeof__(curl_multi_perform) *multi_perform;
  __typeof__(curl_multi_poll) *multi_poll;
  __typeof__(curl_multi_info_read) *multi_info_read;
};

// In C because Swift cannot convert a pointer to data to a pointer to a function. Returns the name of the first function
// that the library lacks, or NULL.
static inline const char *curl_resolve(struct curl_calls *calls, void *library) {
#define CURL_CALL(name) \
  if (!(*(void **)&calls->name = dlsym(library, "curl_" #name))) return "curl_" #name;
  CURL_CALL(global_init)
  CURL_CALL(easy_init)
  CURL_CALL(easy_cleanup)
  CURL_CALL(easy_setopt)
  CURL_CALL(easy_getinfo)
  CURL_CALL(easy_strerror)
  CURL_CALL(easy_pause)
  CURL_CALL(easy_send)
  CURL_CALL(easy_recv)
  CURL_CALL(slist_append)
  CURL_CALL(slist_free_all)
  CURL_CALL(multi_init)
  CURL_CALL(multi_cleanup)
  CURL_CALL(multi_add_handle)
  CURL_CALL(multi_remove_handle)
  CURL_CALL(multi_perform)
  CURL_CALL(multi_poll)
  CURL_CALL(multi_info_read)
#undef CURL_CALL
  return NULL;
}

// Swift cannot call functions with variable arguments, nor the macros that libcurl makes of their names: one function for
// each kind of argument.
static inline CURLcode curl_set_long(const struct curl_calls *c, CURL *easy, CURLoption option, long value) {
  return (c->easy_setopt)(easy, option, value);
}
static inline CURLcode curl_set_offset(
    const struct curl_calls *c, CURL *easy, CURLoption option, int64_t value) {
  return (c->easy_setopt)(easy, option, (curl_off_t)value);
}
static inline CURLcode curl_set_text(
    const struct curl_calls *c, CURL *easy, CURLoption option, const char *value) {
  return (c->easy_setopt)(easy, option, value);
}
static inline CURLcode curl_set_pointer(
    const struct curl_calls *c, CURL *easy, CURLoption option, void *value) {
  return (c->easy_setopt)(easy, option, value);
}
static inline CURLcode curl_set_list(
    const struct curl_calls *c, CURL *easy, CURLoption option, struct curl_slist *value) {
  return (c->easy_setopt)(easy, option, value);
}
// Functions that take or give bytes, all of one type.
typedef size_t (*curl_bytes_callback)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode curl_set_callback(
    const struct curl_calls *c, CURL *easy, CURLoption option, curl_bytes_callback value) {
  return (c->easy_setopt)(easy, option, value);
}
typedef int (*curl_place_callback)(void *context, curl_off_t offset, int origin);
static inline CURLcode curl_set_seek(const struct curl_calls *c, CURL *easy, curl_place_callback value) {
  return (c->easy_setopt)(easy, CURLOPT_SEEKFUNCTION, value);
}
static inline long curl_get_long(const struct curl_calls *c, CURL *easy, CURLINFO info) {
  long value = 0;
  (c->easy_getinfo)(easy, info, &value);
  return value;
}

// Swift imports neither the macro of this handle's result nor its union.
static inline CURLcode curl_message_result(const CURLMsg *message) { return message->data.result; }

// Swift does not import macros with casts.
static const size_t curl_pause = CURL_WRITEFUNC_PAUSE;
static const size_t curl_abort_reading = CURL_READFUNC_ABORT;

#endif
