/*
 * conf.h: the typed option table. Every module that has options declares one constant table; the program joins
 * them, reads one INI file (inih) into one struct of values, and from the same tables come the checks, the
 * messages, the sample configuration (--sample-config), docs/config.md and --help.
 */
#ifndef CONFAB_BASE_CONF_H
#define CONFAB_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum conf_type {
    CONF_BOOL,     /* yes | no                                   -> bool     */
    CONF_INT,      /* decimal within min..max                    -> int64_t  */
    CONF_SIZE,     /* bytes, with k, M, G (powers of 1024)       -> int64_t  */
    CONF_DURATION, /* seconds, or with ms, s, m, h, d            -> int64_t milliseconds */
    CONF_STR,      /* text, may be empty                         -> struct str */
    CONF_CHOICE,   /* one of `choices` ("a|b|c")                 -> int64_t index */
};

struct conf_option {
    const char *section, *name;
    enum conf_type type;
    size_t offset;       /* of the value in the struct that conf_load fills */
    const char *preset;  /* the default, as it would stand in the file */
    int64_t min, max;    /* CONF_INT, CONF_SIZE, CONF_DURATION (in their unit); both 0: no bounds */
    const char *choices; /* CONF_CHOICE */
    const char *text;    /* one sentence for the sample and the documentation */
    bool reload;         /* takes effect on SIGHUP */
};

/* NULL-terminated list of tables, each ended by an option without a name. */
typedef const struct conf_option *const *conf_tables;

/*
 * Fills `out` (a struct described by the tables) with the presets and then with what the file says.
 * path NULL: presets only. Strings live in `arena`. An unknown section or name, a bad value or a repeated
 * name is an error: ERR_CONFIG, and *out_message (in arena) says file:line and why. `out` is then undefined.
 */
int conf_load(conf_tables tables, const char *path, struct arena *arena, void *out, struct str *out_message);

/* The generated texts. */
void conf_write_sample(conf_tables tables, struct buf *out);
void conf_write_markdown(conf_tables tables, struct buf *out);

#endif
