/*
 * log.h: one line an event on stderr: time level event key=value ... Values are quoted when they need it and
 * control characters are escaped, so that a peer cannot forge a line. Each line is one write(): threads do not mix.
 */
#ifndef CONFAB_BASE_LOG_H
#define CONFAB_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* The one global of the program. Any thread. */
void log_set_level(enum log_level level);
enum log_level log_level(void);
bool log_level_parse(struct str name, enum log_level *out);

struct log_field {
    const char *key;
    enum { LOG_STR, LOG_INT, LOG_ERR } kind;
    struct str s;
    int64_t i;
};

#define F_STR(k, v) ((struct log_field){(k), LOG_STR, (v), 0})
#define F_C(k, v) ((struct log_field){(k), LOG_STR, str_c(v), 0})
#define F_INT(k, v) ((struct log_field){(k), LOG_INT, STR_NONE, (int64_t)(v)})
/* An ERR_* as its name. */
#define F_ERR(k, v) ((struct log_field){(k), LOG_ERR, STR_NONE, (v)})

void log_event(enum log_level level, const char *event, size_t n, const struct log_field *fields);

/* LOG(LOG_INFO, "ready", F_STR("address", a), F_INT("port", p)); at least one field, else LOG0. */
#define LOG(level, event, ...)                                                                                         \
    do {                                                                                                               \
        if ((level) <= log_level())                                                                                    \
            log_event((level), (event), sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field),          \
                      (const struct log_field[]){__VA_ARGS__});                                                        \
    } while (0)
/* Without fields. */
#define LOG0(level, event)                                                                                             \
    do {                                                                                                               \
        if ((level) <= log_level()) log_event((level), (event), 0, NULL);                                              \
    } while (0)

#endif
