/*
 * pie_import.c: accounts out of a document (pie.h). What must hold: an account that exists is not touched; one that is being imported lets nobody
 * in before it is whole; and whatever is cut off, the same document again makes of it what it would have been.
 *
 * Writer thread, inside a job.
 */
#include "store/pie.h"

#include <string.h>

#include "base/err.h"
#include "store/accounts.h"
#include "store/archive.h"
#include "store/archive_index.h"
#include "store/avatar.h"
#include "xmpp/ns.h"

/* --- an account begins --- */

/* ERR_NOT_FOUND: none has begun. */
static int import_find(struct db *db, int64_t account, int64_t *out_started_us) {
    struct db_statement *s = db_prepare(db, "SELECT started_us FROM imports WHERE account = ?1");
    db_bind_int(s, 1, account);
    int got = db_step(s);
    if (got == 1) *out_started_us = db_int(s, 0);
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

static int import_begin(struct db *db, int64_t account, int64_t now_us) {
    struct db_statement *s = db_prepare(db, "INSERT INTO imports (account, started_us) VALUES (?1, ?2)");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, now_us);
    return db_run(s);
}

static int import_end(struct db *db, int64_t account) {
    struct db_statement *s = db_prepare(db, "DELETE FROM imports WHERE account = ?1");
    db_bind_int(s, 1, account);
    return db_run(s);
}

/* Of one that is there: 0 when it is ours to go on with, ERR_EXISTS when it is not. */
static int account_again(struct db *db, struct str bare, struct pie_state *st) {
    struct account_row row;
    int err = accounts_find(db, bare, &row);
    if (!err) err = row.deleted ? ERR_EXISTS : import_find(db, row.id, &st->started_us);
    if (err) return err == ERR_NOT_FOUND ? ERR_EXISTS : err;
    st->account = row.id;
    st->is_again = true;
    return 0;
}

static int account_begin(struct db *db, struct str bare, struct pie_state *st) {
    int64_t now = st->now_us;
    struct pie_state fresh = {.counts = st->counts, .in_host = true, .in_user = true, .now_us = now};
    *st = fresh;
    struct account_row row;
    int err = accounts_find(db, bare, &row);
    if (!err) return account_again(db, bare, st);
    if (err != ERR_NOT_FOUND) return err;
    st->started_us = now;
    err = accounts_create(db, bare, NULL, NULL, now, &st->account);
    return err ? err : import_begin(db, st->account, now);
}

static int user_open(struct db *db, const struct pie_rules *rules, struct arena *arena, const struct xml_node *el,
                     const struct scram_keys *keys, struct pie_state *st) {
    struct str local;
    st->account = 0;
    st->in_user = true;
    if (!str_some(xml_attr(el, STR("name"))) || jid_prepare_local(arena, xml_attr(el, STR("name")), &local)) {
        st->counts.refused++;
        return 0;
    }
    struct str bare = jid_str(jid_make(arena, local, rules->domain, STR_NONE));
    int err = account_begin(db, bare, st);
    if (err == ERR_EXISTS) {
        st->account = 0;
        st->counts.existing++;
        return 0;
    }
    if (keys) {
        st->sha1 = keys[0];
        st->sha256 = keys[1];
    }
    memcpy(st->bare, bare.p, bare.len);
    st->bare_len = (uint16_t)bare.len;
    return err;
}

/* --- and ends --- */

/* Nothing was said of what has been read: all of it has. */
static int marks_at_the_end(struct db *db, const struct pie_state *st) {
    int err = archive_index_ready(db, st->account);
    if (err) return err;
    struct db_statement *s =
        db_prepare(db, "INSERT INTO inbox (account, peer, newest, first, unread, mark, changed) SELECT account, peer, "
                       "max(sequence), 0, 0, max(sequence), max(sequence) FROM archive_rows WHERE account = ?1 AND "
                       "flags & 12 = 8 AND sequence <= ?2 GROUP BY peer ON CONFLICT DO NOTHING");
    db_bind_int(s, 1, st->account);
    db_bind_int(s, 2, st->last);
    return db_run(s);
}

static int avatar_of_nodes(struct db *db, const struct pie_state *st) {
    struct arena *arena = arena_new();
    struct avatar_row avatar;
    bool changed;
    int err = avatar_find(db, arena, st->account, &avatar);
    if (!err) err = avatar_keep(db, st->account, str_of((const char *)avatar.hash, AVATAR_HASH_LEN), &changed);
    arena_free(&arena);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static int user_close(struct db *db, struct pie_state *st, bool *out_done) {
    st->in_user = false;
    if (!st->account) return 0;
    int err = st->has_place ? 0 : marks_at_the_end(db, st);
    int64_t place = st->has_place ? st->place : st->started_us - 1;
    if (!err && place > 0) err = accounts_set_offline_mark(db, st->account, place);
    if (!err) err = avatar_of_nodes(db, st);
    if (!err) err = accounts_set_keys(db, st->account, &st->sha1, &st->sha256);
    if (!err) err = import_end(db, st->account);
    if (err) return err;
    st->counts.users++;
    if (!st->sha1.iterations && !st->sha256.iterations) st->counts.keyless++;
    bytes_wipe(&st->sha1, sizeof st->sha1);
    bytes_wipe(&st->sha256, sizeof st->sha256);
    st->account = 0;
    *out_done = true;
    return 0;
}

/* --- events --- */

static int open_event(struct db *db, const struct pie_rules *rules, struct arena *arena, const struct pie_event *event,
                      struct pie_state *st, bool *out_known) {
    const struct xml_node *el = event->el;
    if (xml_is(el, NS_PIE, STR("server-data"))) return 0;
    if (xml_is(el, NS_PIE, STR("host"))) {
        struct str domain;
        bool is_good = !jid_prepare_domain(arena, xml_attr(el, STR("jid")), &domain);
        st->in_host = is_good && str_eq(domain, rules->domain);
        if (!st->in_host) st->counts.refused++;
        return 0;
    }
    st->file.slot = 0;
    if (xml_is(el, NS_PIE, STR("user")) && st->in_host) return user_open(db, rules, arena, el, event->keys, st);
    return st->account ? pie_part(db, rules, arena, el, st, out_known) : 0;
}

int pie_apply(struct db *db, const struct pie_rules *rules, struct arena *arena, const struct pie_event *event,
              struct pie_state *st, bool *out_done) {
    bool is_known = true;
    int err = 0;
    *out_done = false;
    if (event->kind == PIE_OPEN) {
        err = open_event(db, rules, arena, event, st, &is_known);
    } else if (event->kind == PIE_ELEMENT) {
        if (st->account) err = pie_part(db, rules, arena, event->el, st, &is_known);
    } else if (xml_is(event->el, NS_PIE, STR("user"))) {
        err = user_close(db, st, out_done);
    } else if (xml_is(event->el, NS_PIE_CONFAB, STR("file"))) {
        err = pie_file_end(db, event, st);
    } else if (str_eq(event->el->name, STR("items"))) {
        st->node = 0;
    }
    if (!is_known) st->counts.unknown++;
    return err;
}
