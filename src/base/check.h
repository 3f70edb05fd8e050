/* check.h: what must never be false. A bug aborts, in release builds too; the world returns an error instead. */
#ifndef CONFAB_BASE_CHECK_H
#define CONFAB_BASE_CHECK_H

#include <stdnoreturn.h>

/* Writes one log line with the place and the text, then aborts. */
noreturn void check_failed(const char *file, int line, const char *text);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

/* For a place that no correct program reaches. */
#define CHECK_UNREACHABLE(why) check_failed(__FILE__, __LINE__, why)

#endif
