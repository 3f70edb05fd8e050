/*
 * conf.c: one table of options is the only place that knows them: reading, checking, the sample file and the
 * documentation all walk it. inih splits the file into section, name and value; it hands out no line numbers, so we
 * feed it the lines ourselves and count. Runs on the main thread, at start and on SIGHUP.
 *
 * What must hold: the sample is a valid file that gives exactly the presets (a test loads it), and a preset that its
 * own option refuses is a bug that aborts at the first start.
 */
#include "base/conf.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"

struct seen {
    const struct conf_option *option;
    struct seen *next;
};

struct reading {
    conf_tables tables;
    struct arena *arena;
    char *out;
    const char *path;
    FILE *file;
    int line;
    bool is_continued;  /* the line begins with white space: more of the value above */
    struct seen *seen;  /* options that the file has set; the newest first */
    struct str message; /* the first thing that was wrong */
};

/* --- values --- */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit size_units[] = {{"", 1}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};
static const struct unit duration_units[] = {{"", 1000},         {"ms", 1},           {"s", 1000}, {"m", 60 * 1000},
                                             {"h", 3600 * 1000}, {"d", 86400 * 1000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static bool number_parse(struct str text, const struct unit *units, int64_t *out) {
    bool negative = text.len && text.p[0] == '-';
    text = str_from(text, negative);
    size_t digits = 0;
    while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9') digits++;
    unsigned long long n;
    if (!str_to_u64(str_first(text, digits), INT64_MAX, &n)) return false;
    for (const struct unit *u = units; u->name; u++) {
        if (!str_eq(str_from(text, digits), str_c(u->name))) continue;
        if (n > (unsigned long long)(INT64_MAX / u->factor)) return false;
        *out = (int64_t)n * u->factor * (negative ? -1 : 1);
        return true;
    }
    return false;
}

static const char *set_number(const struct conf_option *o, struct str text, const struct unit *units,
                              const char *expected, char *at) {
    int64_t n;
    if (!number_parse(text, units, &n)) return expected;
    if ((o->min || o->max) && (n < o->min || n > o->max)) return ": out of bounds";
    if (n < 0 && o->type != CONF_INT) return expected;
    memcpy(at, &n, sizeof n);
    return NULL;
}

/* The setters: NULL, or what is wrong with the value. */

static const char *set_bool(struct arena *arena, const struct conf_option *o, struct str text, char *at) {
    (void)arena, (void)o;
    bool yes = str_eq(text, STR("yes")) || str_eq(text, STR("on"));
    bool no = str_eq(text, STR("no")) || str_eq(text, STR("off"));
    if (!yes && !no) return ": expected yes or no";
    memcpy(at, &yes, sizeof yes);
    return NULL;
}

static const char *set_int(struct arena *arena, const struct conf_option *o, struct str text, char *at) {
    (void)arena;
    return set_number(o, text, no_units, ": expected a whole number", at);
}

static const char *set_size(struct arena *arena, const struct conf_option *o, struct str text, char *at) {
    (void)arena;
    return set_number(o, text, size_units, ": expected a number of bytes, with k, M or G", at);
}

static const char *set_duration(struct arena *arena, const struct conf_option *o, struct str text, char *at) {
    (void)arena;
    return set_number(o, text, duration_units, ": expected a number of seconds, or with ms, s, m, h, d", at);
}

static const char *set_str(struct arena *arena, const struct conf_option *o, struct str text, char *at) {
    (void)o;
    struct str copy = arena_dup(arena, text);
    memcpy(at, &copy, sizeof copy);
    return NULL;
}

static const char *set_choice(struct arena *arena, const struct conf_option *o, struct str text, char *at) {
    (void)arena;
    struct str rest = str_c(o->choices);
    for (int64_t i = 0;; i++) {
        size_t len = str_index(rest, '|');
        if (str_eq(str_first(rest, len), text)) return memcpy(at, &i, sizeof i), NULL;
        if (len == rest.len) return ": not one of ";
        rest = str_from(rest, len + 1);
    }
}

static const struct {
    const char *(*set)(struct arena *arena, const struct conf_option *option, struct str text, char *at);
    const char *text; /* for the generated texts */
} types[] = {
    [CONF_BOOL] = {set_bool, "yes or no"},
    [CONF_INT] = {set_int, "number"},
    [CONF_SIZE] = {set_size, "bytes; k, M, G"},
    [CONF_DURATION] = {set_duration, "seconds; ms, s, m, h, d"},
    [CONF_STR] = {set_str, "text"},
    [CONF_CHOICE] = {set_choice, ""},
};

/* --- the tables --- */

/* Walks all options of all tables: start with both 0. */
static const struct conf_option *option_next(conf_tables tables, size_t *table, size_t *row) {
    for (; tables[*table]; (*table)++, *row = 0) {
        const struct conf_option *o = &tables[*table][*row];
        if (o->name) return (*row)++, o;
    }
    return NULL;
}

#define EACH_OPTION(tables, o)                                                                                         \
    size_t o##_table = 0, o##_row = 0;                                                                                 \
    for (const struct conf_option *o; (o = option_next((tables), &o##_table, &o##_row));)

static const struct conf_option *option_find(conf_tables tables, const char *section, const char *name) {
    EACH_OPTION(tables, o) {
        if (strcmp(o->section, section) == 0 && (!name || strcmp(o->name, name) == 0)) return o;
    }
    return NULL;
}

/* --- the file --- */

/* Always 0, which is what inih's handler returns of a failure. */
static int reading_fail(struct reading *r, const char *what, const char *which, const char *more) {
    if (!str_some(r->message))
        r->message = arena_printf(r->arena, "%s:%d: %s%s%s", r->path, r->line, what, which, more);
    return 0;
}

/* inih's reader: one line, as fgets. A line that does not fit would come in pieces, each taken for a line. */
static char *on_line(char *line, int size, void *stream) {
    struct reading *r = stream;
    if (!fgets(line, size, r->file)) return NULL;
    r->line++;
    r->is_continued = line[0] == ' ' || line[0] == '\t';
    size_t len = strlen(line);
    if (len + 1 == (size_t)size && line[len - 1] != '\n')
        reading_fail(r, "the line is too long", "", " (indented lines continue a text)");
    return line;
}

/* A second line of the same text: joined by a space. */
static void value_continue(struct reading *r, const struct conf_option *o, const char *value) {
    struct str whole;
    memcpy(&whole, r->out + o->offset, sizeof whole);
    whole = ARENA_CONCAT(r->arena, whole, STR(" "), str_c(value));
    memcpy(r->out + o->offset, &whole, sizeof whole);
}

static bool was_seen(const struct reading *r, const struct conf_option *o) {
    for (const struct seen *s = r->seen; s; s = s->next) {
        if (s->option == o) return true;
    }
    return false;
}

/* inih's handler: 1 when all is well. */
static int on_value(void *user, const char *section, const char *name, const char *value) {
    struct reading *r = user;
    const struct conf_option *o = option_find(r->tables, section, name);
    if (!o) {
        bool known = option_find(r->tables, section, NULL);
        return reading_fail(r, known ? "unknown option " : "unknown section ", known ? name : section, "");
    }
    if (r->is_continued && r->seen && r->seen->option == o && o->type == CONF_STR) {
        value_continue(r, o, value);
        return 1;
    }
    if (was_seen(r, o)) return reading_fail(r, "repeated option ", name, "");
    const char *wrong = types[o->type].set(r->arena, o, str_c(value), r->out + o->offset);
    if (wrong) return reading_fail(r, name, wrong, o->type == CONF_CHOICE ? o->choices : "");
    struct seen *seen = ARENA_NEW(r->arena, struct seen);
    *seen = (struct seen){o, r->seen};
    r->seen = seen;
    return 1;
}

static void fill_presets(conf_tables tables, struct arena *arena, char *out) {
    EACH_OPTION(tables, o) {
        if (types[o->type].set(arena, o, str_c(o->preset ? o->preset : ""), out + o->offset))
            CHECK_UNREACHABLE(arena_printf(arena, "preset of [%s] %s", o->section, o->name).p);
    }
}

int conf_load(conf_tables tables, const char *path, struct arena *arena, void *out, struct str *out_message) {
    fill_presets(tables, arena, out);
    if (!path) return 0;
    struct reading r = {.tables = tables, .arena = arena, .out = out, .path = path, .file = fopen(path, "re")};
    if (!r.file) {
        *out_message = arena_printf(arena, "%s: %s", path, strerror(errno));
        return ERR_CONFIG;
    }
    int bad_line = ini_parse_stream(on_line, &r, on_value, &r);
    if (ferror(r.file) && !str_some(r.message)) r.message = arena_printf(arena, "%s: %s", path, strerror(errno));
    fclose(r.file);
    if (bad_line > 0 && !str_some(r.message))
        r.message = arena_printf(arena, "%s:%d: expected [section] or name = value", path, bad_line);
    if (bad_line != 0 && !str_some(r.message)) r.message = arena_printf(arena, "%s: cannot be read", path);
    if (!str_some(r.message)) return 0;
    *out_message = r.message;
    return ERR_CONFIG;
}

/* --- generated texts --- */

static bool is_first_of_section(conf_tables tables, const struct conf_option *option) {
    return option_find(tables, option->section, NULL) == option;
}

/* Calls `write` for every option, sections together although several tables add to one. */
static void each_by_section(conf_tables tables, struct buf *out, void (*head)(struct buf *, const char *),
                            void (*row)(struct buf *, const struct conf_option *)) {
    EACH_OPTION(tables, first) {
        if (!is_first_of_section(tables, first)) continue;
        head(out, first->section);
        EACH_OPTION(tables, o) {
            if (strcmp(o->section, first->section) == 0) row(out, o);
        }
    }
}

/* A number in the largest unit that divides it. */
static void add_number(struct buf *out, const struct conf_option *o, int64_t n) {
    static const struct unit *const of_type[] = {
        [CONF_INT] = no_units, [CONF_SIZE] = size_units, [CONF_DURATION] = duration_units + 1};
    const struct unit *units = of_type[o->type], *best = units;
    for (const struct unit *u = units; u->name; u++) {
        if (n && n % u->factor == 0) best = u;
    }
    buf_printf(out, "%lld%s", (long long)(n / best->factor), n ? best->name : "");
}

/* What may stand there: "yes or no", "a, b, c", "number, 1 to 9". */
static void add_values(struct buf *out, const struct conf_option *o) {
    if (o->type == CONF_CHOICE) {
        for (const char *c = o->choices; *c; c++) {
            if (*c == '|')
                BUF_ADD_LIT(out, ", ");
            else
                buf_add_char(out, *c);
        }
        return;
    }
    buf_add_str(out, str_c(types[o->type].text));
    if (o->min || o->max) {
        BUF_ADD_LIT(out, "; ");
        add_number(out, o, o->min);
        if (o->max < INT64_MAX)
            BUF_ADD_LIT(out, " to "), add_number(out, o, o->max);
        else
            BUF_ADD_LIT(out, " or more");
    }
}

static void sample_head(struct buf *out, const char *section) {
    buf_printf(out, "%s[%s]\n", buf_len(out) ? "\n" : "", section);
}

static void sample_row(struct buf *out, const struct conf_option *o) {
    buf_printf(out, "\n# %s (", o->text);
    add_values(out, o);
    buf_printf(out, ")\n%s =%s%s\n", o->name, o->preset && *o->preset ? " " : "", o->preset ? o->preset : "");
}

void conf_write_sample(conf_tables tables, struct buf *out) {
    each_by_section(tables, out, sample_head, sample_row);
}

static void markdown_head(struct buf *out, const char *section) {
    buf_printf(out, "%s## [%s]\n\n| option | values | default | reload | meaning |\n|---|---|---|---|---|\n",
               buf_len(out) ? "\n" : "", section);
}

static void markdown_row(struct buf *out, const struct conf_option *o) {
    buf_printf(out, "| `%s` | ", o->name);
    add_values(out, o);
    if (o->preset && *o->preset)
        buf_printf(out, " | `%s`", o->preset);
    else
        BUF_ADD_LIT(out, " | (empty)");
    buf_printf(out, " | %s | %s |\n", o->reload ? "yes" : "", o->text);
}

void conf_write_markdown(conf_tables tables, struct buf *out) {
    each_by_section(tables, out, markdown_head, markdown_row);
}
