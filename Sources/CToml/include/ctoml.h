// A TOML text taken apart into events, in C, so that Swift needs no C++ of its own.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What one event tells. Tables and arrays are closed by `ctoml_end`; within a table a `ctoml_key` goes before
/// every value.
enum ctoml_kind {
  ctoml_table,
  ctoml_array,
  ctoml_end,
  ctoml_key,
  ctoml_string,
  ctoml_integer,
  ctoml_float,
  ctoml_boolean,
  ctoml_date
};

/// One event. `text` is UTF-8 that lives until the receiver returns; `integer` is also a boolean's value.
struct ctoml_event {
  enum ctoml_kind kind;
  const char *text;
  size_t length;
  int64_t integer;
  double number;
  uint32_t line, column;
};

/// Takes the events of one document in order, keys of a table sorted.
typedef void (*ctoml_receiver)(void *context, const struct ctoml_event *event);

/// Parses `length` bytes of TOML 1.0. Returns 0, or -1 after one `ctoml_string` event that holds the reason and
/// its place.
int ctoml_parse(const char *text, size_t length, ctoml_receiver receiver, void *context);

#ifdef __cplusplus
}
#endif
