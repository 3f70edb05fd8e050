/*
 * docs.c: `confabd --write-docs DIR`. What the documents say of options, features, errors and commands comes from the very tables that the program
 * runs by; a page's own words stand in NAME.in.md, where a line {{piece}} is replaced by the table of that name. The results are committed, and
 * CI fails when they differ from what the program writes. Called by main before anything runs.
 */
#include "admin/docs.h"

#include <errno.h>
#include <stdio.h>

#include "admin/commands.h"
#include "base/err.h"
#include "im/feature.h"
#include "im/options.h"
#include "xmpp/stanza.h"

/* --- pieces --- */

static void write_options(struct buf *out) {
    conf_write_markdown(option_tables, out);
}

static void write_sample(struct buf *out) {
    conf_write_sample(option_tables, out);
}

static const struct {
    const char *name, *type;
} stanza_errors[] = {
#define STANZA_ROW_(name, text, type) {text, type},
    STANZA_ERROR_MAP(STANZA_ROW_)
#undef STANZA_ROW_
};

static const char *const stream_errors[] = {
#define STREAM_ROW_(name, text) text,
    STREAM_ERROR_MAP(STREAM_ROW_)
#undef STREAM_ROW_
};

static void write_stanza_errors(struct buf *out) {
    BUF_ADD_LIT(out, "| condition | type |\n|---|---|\n");
    for (size_t i = 0; i < sizeof stanza_errors / sizeof *stanza_errors; i++) {
        buf_printf(out, "| `%s` | %s |\n", stanza_errors[i].name, stanza_errors[i].type);
    }
}

static void write_stream_errors(struct buf *out) {
    for (size_t i = 0; i < sizeof stream_errors / sizeof *stream_errors; i++) {
        buf_printf(out, "%s`%s`", i ? ", " : "", stream_errors[i]);
    }
    BUF_ADD_LIT(out, ".\n");
}

static void write_disco(struct buf *out) {
    BUF_ADD_LIT(out, "| disco feature | of | feature |\n|---|---|---|\n");
    for (const struct feature *const *f = features; *f; f++) {
        for (const struct str *ns = (*f)->disco; ns && ns->p; ns++)
            buf_printf(out, "| `%.*s` | the server | %s |\n", STR_FMT(*ns), (*f)->name);
        for (const struct str *ns = (*f)->disco_account; ns && ns->p; ns++)
            buf_printf(out, "| `%.*s` | accounts | %s |\n", STR_FMT(*ns), (*f)->name);
    }
}

/* In a table cell a bar would end it. */
static void write_cell(struct buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|') buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

static void write_commands(struct buf *out) {
    BUF_ADD_LIT(out, "| command | what it does |\n|---|---|\n");
    for (const struct command *c = commands; c->name; c++) {
        buf_printf(out, "| `%s%s", c->name, *c->usage ? " " : "");
        write_cell(out, c->usage);
        buf_printf(out, "` | %s |\n", c->text);
    }
}

static const struct {
    const char *name;
    void (*write)(struct buf *out);
} pieces[] = {
    {"options", write_options},
    {"features", features_write_markdown},
    {"disco", write_disco},
    {"stanza-errors", write_stanza_errors},
    {"stream-errors", write_stream_errors},
    {"commands", write_commands},
};

/* --- files --- */

static int complain(const char *path, const char *why) {
    fprintf(stderr, "confabd: %s: %s\n", path, why);
    return ERR_IO;
}

static int file_read(const char *path, struct buf *out) {
    FILE *f = fopen(path, "re");
    if (!f) return complain(path, strerror(errno));
    size_t n;
    while ((n = fread(buf_reserve(out, 65536), 1, 65536, f)) > 0) buf_commit(out, n);
    bool failed = ferror(f);
    fclose(f);
    return failed ? complain(path, "cannot be read") : 0;
}

static int file_write(const char *path, struct str text) {
    FILE *f = fopen(path, "we");
    if (!f) return complain(path, strerror(errno));
    bool failed = fwrite(text.p, 1, text.len, f) != text.len;
    return fclose(f) || failed ? complain(path, "cannot be written") : 0;
}

static bool piece_write(struct str line, struct buf *out) {
    if (!str_starts(line, STR("{{")) || !str_ends(line, STR("}}"))) return false;
    struct str name = str_of(line.p + 2, line.len - 4);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        if (!str_eq(name, str_c(pieces[i].name))) continue;
        pieces[i].write(out);
        return true;
    }
    return false;
}

static void page_fill(struct str in, const char *source, struct buf *out) {
    buf_printf(
        out, "<!-- Written by `confabd --write-docs docs` from docs/%s and the program's tables: change those. -->\n\n",
        source);
    while (in.len) {
        struct str line = str_first(in, str_index(in, '\n'));
        in = str_from(in, line.len + 1);
        if (piece_write(line, out)) continue;
        buf_add_str(out, line);
        buf_add_char(out, '\n');
    }
}

static int page_write(const char *dir, const char *source, const char *name) {
    char from[4096], to[4096];
    if (snprintf(from, sizeof from, "%s/%s", dir, source) >= (int)sizeof from)
        return complain(dir, "the path is too long");
    if (snprintf(to, sizeof to, "%s/%s", dir, name) >= (int)sizeof to) return complain(dir, "the path is too long");
    struct buf in = BUF_INIT, out = BUF_INIT;
    int err = file_read(from, &in);
    if (!err) {
        page_fill(buf_str(&in), source, &out);
        err = file_write(to, buf_str(&out));
    }
    buf_free(&in);
    buf_free(&out);
    return err;
}

static int sample_write(const char *dir) {
    char to[4096];
    if (snprintf(to, sizeof to, "%s/confab.ini.sample", dir) >= (int)sizeof to)
        return complain(dir, "the path is too long");
    struct buf out = BUF_INIT;
    write_sample(&out);
    int err = file_write(to, buf_str(&out));
    buf_free(&out);
    return err;
}

int docs_write(const char *dir) {
    int err = page_write(dir, "config.in.md", "config.md");
    if (!err) err = page_write(dir, "protocol.in.md", "protocol.md");
    return err ? err : sample_write(dir);
}
