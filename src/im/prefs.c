/*
 * prefs.c: preferences in memory, for one question a message: is it kept for good? On the account's home, but for loading them.
 */
#include "im/prefs.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"

static int order(const void *left, const void *right) {
    const struct prefs_listed *a = left, *b = right;
    return str_cmp(a->jid, b->jid);
}

struct prefs *prefs_new(const struct prefs_row *row) {
    if (row->policy == 0) return NULL;
    size_t text_len = 0;
    for (uint32_t i = 0; i < row->count; i++) text_len += row->listed[i].jid.len;
    struct prefs *p = malloc(sizeof *p + row->count * sizeof *p->listed + text_len);
    CHECK(p != NULL);
    *p = (struct prefs){(enum option_archive)(row->policy - 1), row->count, 0};
    char *at = (char *)(p->listed + row->count);
    for (uint32_t i = 0; i < row->count; i++) {
        struct str jid = row->listed[i].jid;
        memcpy(at, jid.p, jid.len);
        p->listed[i] = (struct prefs_listed){str_of(at, jid.len), row->listed[i].always};
        p->never += !row->listed[i].always;
        at += jid.len;
    }
    qsort(p->listed, p->count, sizeof *p->listed, order);
    return p;
}

/* --- loading --- */

struct loading {
    struct arena *arena;
    struct prefs_listed *listed;
    uint32_t count, cap;
};

static bool load_listed(void *arg, const struct prefs_listed *listed) {
    struct loading *l = arg;
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        struct prefs_listed *more = arena_alloc(l->arena, l->cap * sizeof *more);
        if (l->count) memcpy(more, l->listed, l->count * sizeof *more);
        l->listed = more;
    }
    l->listed[l->count++] = (struct prefs_listed){arena_dup(l->arena, listed->jid), listed->always};
    return true;
}

int prefs_load(struct db *db, int64_t account, int policy, struct prefs **out) {
    *out = NULL;
    if (policy == 0) return 0;
    struct loading l = {.arena = arena_new()};
    int err = prefs_each(db, account, load_listed, &l);
    if (!err) *out = prefs_new(&(struct prefs_row){policy, l.listed, l.count});
    arena_free(&l.arena);
    return err;
}

/* --- asking --- */

enum option_archive prefs_policy(const struct account *a) {
    return a->prefs ? a->prefs->policy : (enum option_archive)a->im->server->options.archive_default;
}

static const struct prefs_listed *listed_find(const struct prefs *p, struct str jid) {
    struct prefs_listed key = {.jid = jid};
    return p && p->count ? bsearch(&key, p->listed, p->count, sizeof key, order) : NULL;
}

/* The full address says more than the bare one. Notes to oneself are not with strangers. */
bool prefs_want(const struct account *a, struct jid peer) {
    const struct prefs_listed *listed = jid_is_bare(peer) ? NULL : listed_find(a->prefs, jid_str(peer));
    if (!listed) listed = listed_find(a->prefs, jid_bare_str(peer));
    if (listed) return listed->always;
    switch (prefs_policy(a)) {
    case ARCHIVE_ALWAYS:
        return true;
    case ARCHIVE_ROSTER:
        return jid_bare_eq(peer, account_jid(a)) || account_contact(a, jid_bare_str(peer)) != NULL;
    default:
        return false;
    }
}

bool prefs_want_all(const struct account *a) {
    return prefs_policy(a) == ARCHIVE_ALWAYS && (!a->prefs || a->prefs->never == 0);
}
