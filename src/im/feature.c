/*
 * feature.c: builds the grid and the dispatch of requests from the tables of features, once, before any thread runs; prints what came
 * out. Immutable after.
 */
#include "im/feature.h"

#include <stdlib.h>

#include "base/check.h"

static struct grid the_grid; /* written by grid_build alone */

static const char *const direction_names[] = {"out", "in"};
static const char *const kind_names[] = {"message", "presence", "iq"};
static const char *const target_names[] = {"self", "server", "account", "full", "room", "remote"};
static const char *const stage_names[] = {"CHECK", "STAMP", "ARCHIVE", "DELIVER", "COPY", "AFTER"};

const struct grid *grid_get(void) {
    return &the_grid;
}

static bool hook_is_at(const struct hook *h, unsigned direction, unsigned kind, unsigned target, unsigned stage) {
    return h->direction == direction && h->kind == kind && (h->targets & (1u << target)) && h->stage == stage;
}

static struct chain chain_build(unsigned direction, unsigned kind, unsigned target, unsigned stage) {
    size_t count = 0;
    const struct hook **hooks = NULL;
    for (const struct feature *const *f = features; *f; f++) {
        for (const struct hook *h = (*f)->hooks; h && h->run; h++) {
            if (!hook_is_at(h, direction, kind, target, stage)) continue;
            hooks = realloc(hooks, (count + 2) * sizeof *hooks);
            CHECK(hooks != NULL);
            hooks[count++] = h;
        }
    }
    if (!hooks) {
        hooks = malloc(sizeof *hooks);
        CHECK(hooks != NULL);
    }
    hooks[count] = NULL;
    return (struct chain){hooks};
}

void grid_build(void) {
    for (unsigned d = 0; d < DIRECTIONS; d++)
        for (unsigned k = 0; k < STANZA_KINDS; k++)
            for (unsigned t = 0; t < TARGETS; t++)
                for (unsigned s = 0; s < STAGES; s++) {
                    free(the_grid.chains[d][k][t][s].hooks);
                    the_grid.chains[d][k][t][s] = chain_build(d, k, t, s);
                }
}

static void cell_print(struct buf *out, unsigned d, unsigned k, unsigned t) {
    for (unsigned s = 0; s < STAGES; s++) {
        const struct hook **hooks = the_grid.chains[d][k][t][s].hooks;
        if (!hooks[0]) continue;
        buf_printf(out, "%-3s %-8s %-7s %-7s", direction_names[d], kind_names[k], target_names[t], stage_names[s]);
        for (; *hooks; hooks++) buf_printf(out, " %s", (*hooks)->name);
        buf_add_char(out, '\n');
    }
}

void grid_print(struct buf *out) {
    for (unsigned d = 0; d < DIRECTIONS; d++)
        for (unsigned k = 0; k < STANZA_KINDS; k++)
            for (unsigned t = 0; t < TARGETS; t++) cell_print(out, d, k, t);
    for (const struct feature *const *f = features; *f; f++) {
        for (const struct iq_handler *q = (*f)->iq; q && q->ns.p; q++) {
            buf_printf(out, "iq %s {%.*s}%.*s:", q->type == IQ_GET ? "get" : "set", STR_FMT(q->ns), STR_FMT(q->name));
            for (unsigned t = 0; t < TARGETS; t++)
                if (q->targets & (1u << t)) buf_printf(out, " %s", target_names[t]);
            buf_printf(out, " -> %s\n", (*f)->name);
        }
    }
}

const struct iq_handler *feature_iq_handler(enum stanza_type type, enum target target, const struct xml_node *payload) {
    for (const struct feature *const *f = features; *f; f++) {
        for (const struct iq_handler *q = (*f)->iq; q && q->ns.p; q++) {
            if (q->type == type && (q->targets & (1u << target)) && xml_is(payload, q->ns, q->name)) return q;
        }
    }
    return NULL;
}

enum stanza_error feature_refusal_of_nobody(const struct stanza *request) {
    for (const struct feature *const *f = features; request->payload && *f; f++) {
        if ((*f)->forbids && (*f)->forbids(request)) return STANZA_ERR_FORBIDDEN;
        if ((*f)->hides && (*f)->hides(request)) return STANZA_ERR_ITEM_NOT_FOUND;
    }
    return STANZA_ERR_SERVICE_UNAVAILABLE;
}

void features_write_markdown(struct buf *out) {
    BUF_ADD_LIT(out, "| feature | specification | version | what Confab does |\n|---|---|---|---|\n");
    for (const struct feature *const *f = features; *f; f++) {
        buf_printf(out, "| %s | %s | %s | %s |\n", (*f)->name, (*f)->spec, (*f)->version, (*f)->text);
    }
}
