/*
 * check.c: how the program dies of a bug: one line that says where, then abort, so that a core remains and the
 * supervisor starts us anew. Any thread. Allocates nothing: the heap may be what is broken.
 */
#include "base/check.h"

#include <stdlib.h>

#include "base/log.h"

noreturn void check_failed(const char *file, int line, const char *text) {
    LOG(LOG_ERROR, "check_failed", F_C("file", file), F_INT("line", line), F_C("text", text));
    abort();
}
