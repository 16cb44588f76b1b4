// Splits a TOML text into events, through C, so that Swift does not need C++ interoperability.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The kind of an event. `ctoml_end` closes tables and arrays; within a table, a `ctoml_key` comes before
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

/// One event. `text` is UTF-8 and valid until the receiver returns; a boolean's value is in `integer`.
struct ctoml_event {
  enum ctoml_kind kind;
  const char *text;
  size_t length;
  int64_t integer;
  double number;
  uint32_t line, column;
};

/// Receives the events of one document in order. The keys of a table are sorted.
typedef void (*ctoml_receiver)(void *context, const struct ctoml_event *event);

/// Parses `length` bytes of TOML 1.0. Returns 0, or -1 after one `ctoml_string` event with the reason and its place.
int ctoml_parse(const char *text, size_t length, ctoml_receiver receiver, void *context);

#ifdef __cplusplus
}
#endif
