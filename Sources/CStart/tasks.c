// Tasks of Swift run on libdispatch, whose start-up reads the number of processors twice and touches 70 KB of tables in
// every process. This tool has threads of its own and no task; the argument parser only offers asynchronous commands. If
// the runtime is linked statically, these definitions keep libdispatch out. If it is a shared library, they are hidden
// from it and do nothing. If a new runtime needs more of libdispatch, linking fails with duplicate symbols.
#include <stdlib.h>

#define ABSENT_FUNCTION(name) \
  __attribute__((visibility("hidden"), used, noreturn)) void name(void) { abort(); }
#define ABSENT_VALUE(name) __attribute__((visibility("hidden"), used)) char name[1];

ABSENT_VALUE(_dispatch_main_q)
ABSENT_VALUE(_dispatch_queue_attr_concurrent)
ABSENT_VALUE(_dispatch_source_type_timer)

ABSENT_FUNCTION(dispatch_activate)
ABSENT_FUNCTION(dispatch_after_f)
ABSENT_FUNCTION(dispatch_assert_queue)
ABSENT_FUNCTION(dispatch_async_f)
ABSENT_FUNCTION(dispatch_main)
ABSENT_FUNCTION(dispatch_queue_attr_make_with_qos_class)
ABSENT_FUNCTION(dispatch_queue_create)
ABSENT_FUNCTION(dispatch_queue_set_width)
ABSENT_FUNCTION(dispatch_release)
ABSENT_FUNCTION(dispatch_set_context)
ABSENT_FUNCTION(dispatch_source_create)
ABSENT_FUNCTION(dispatch_source_set_event_handler_f)
ABSENT_FUNCTION(dispatch_source_set_timer)
ABSENT_FUNCTION(dispatch_walltime)
