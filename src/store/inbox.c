/*
 * inbox.c: conversations as a fold over the archive's rows. What must hold: the result depends on rows and marks alone, not on where the
 * folding stopped and went on; `inbox` holds conversations as of inbox_accounts.upto, except that a mark may be ahead of it.
 *
 * Worker threads, inside a job; what changes something is part of the caller's transaction.
 */
#include "store/inbox.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "store/archive.h"
#include "store/archive_index.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

enum {
    FOLD_WORK = 20000, /* of one call, in rows: some 20 ms */
    MARK_WORK = 1000,  /* the same on the writer's thread, for one conversation */
    MARKER_WORK = 16,  /* what a marker is worth */
    WORTH_WRITING = 500,
    LOOKS = 4000, /* into messages, for those that markers name: of a query, and one more for each row; of a marker */
    MARK_LOOKS = 200,
    LOOKS_EACH = 1000,
    LOOKS_LEAST = 8,
};

struct inbox *inbox_new(int64_t account, int64_t only) {
    struct inbox *inbox = calloc(1, sizeof *inbox);
    CHECK(inbox != NULL);
    inbox->account = account;
    inbox->only = only;
    inbox->arena = arena_new();
    inbox->looks = only ? MARK_LOOKS : LOOKS;
    return inbox;
}

void inbox_free(struct inbox **inbox) {
    if (!*inbox) return;
    map_free(&(*inbox)->by_peer);
    arena_free(&(*inbox)->arena);
    free(*inbox);
    *inbox = NULL;
}

static struct inbox_conversation *conversation_of(struct inbox *inbox, int64_t peer) {
    struct inbox_conversation *c = map_get(&inbox->by_peer, str_of(&peer, sizeof peer));
    if (c) return c;
    c = ARENA_NEW(inbox->arena, struct inbox_conversation);
    c->peer = peer;
    map_put(&inbox->by_peer, str_of(&c->peer, sizeof c->peer), c);
    return c;
}

/* --- what was written down --- */

static int account_read(struct db *db, int64_t account, int64_t *out_upto, int64_t *out_changed) {
    struct db_statement *s = db_prepare(db, "SELECT upto, changed FROM inbox_accounts WHERE account = ?1");
    db_bind_int(s, 1, account);
    int got = db_step(s);
    *out_upto = got == 1 ? db_int(s, 0) : 0;
    *out_changed = got == 1 ? db_int(s, 1) : 0;
    db_finish(s);
    return got < 0 ? got : 0;
}

#define SELECT_CONVERSATIONS "SELECT peer, newest, first, unread, mark, changed FROM inbox WHERE account = ?1"

static int inbox_read_stored(struct db *db, struct inbox *inbox) {
    int err = account_read(db, inbox->account, &inbox->upto, &inbox->changed);
    if (err) return err;
    inbox->stored_upto = inbox->upto;
    struct db_statement *s = db_prepare(db, inbox->only ? SELECT_CONVERSATIONS " AND peer = ?2" : SELECT_CONVERSATIONS);
    db_bind_int(s, 1, inbox->account);
    if (inbox->only) db_bind_int(s, 2, inbox->only);
    int got;
    while ((got = db_step(s)) == 1) {
        struct inbox_conversation *c = conversation_of(inbox, db_int(s, 0));
        c->newest = db_int(s, 1);
        c->first = db_int(s, 2);
        c->unread = (uint32_t)db_int(s, 3);
        c->mark = db_int(s, 4);
        c->changed = db_int(s, 5);
    }
    inbox->is_read = got == 0;
    return got;
}

static int conversation_write(struct db *db, int64_t account, const struct inbox_conversation *c) {
    struct db_statement *s = db_prepare(
        db,
        "INSERT INTO inbox (account, peer, newest, first, unread, mark, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
        "ON CONFLICT (account, peer) DO UPDATE SET newest = ?3, first = ?4, unread = ?5, mark = ?6, changed = ?7");
    const int64_t values[] = {account, c->peer, c->newest, c->first, c->unread, c->mark, c->changed};
    for (int i = 0; i < 7; i++) db_bind_int(s, i + 1, values[i]);
    return db_run(s);
}

static int account_write(struct db *db, int64_t account, int64_t upto, int64_t changed) {
    struct db_statement *s = db_prepare(db, "INSERT INTO inbox_accounts (account, upto, changed) VALUES (?1, ?2, ?3) "
                                            "ON CONFLICT (account) DO UPDATE SET upto = ?2, changed = ?3");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, upto);
    db_bind_int(s, 3, changed);
    return db_run(s);
}

/* Nothing is written for who leaves: nobody would remove it again. */
static int account_stays(struct db *db, int64_t account) {
    struct db_statement *s = db_prepare(db, "SELECT 1 FROM accounts WHERE id = ?1 AND deleted = 0");
    db_bind_int(s, 1, account);
    int got = db_step(s);
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

bool inbox_is_worth_writing(const struct inbox *inbox) {
    return inbox->folded >= WORTH_WRITING;
}

static int row_is_there(struct db *db, int64_t account, int64_t sequence) {
    struct db_statement *s = db_prepare(db, "SELECT 1 FROM archive_rows WHERE account = ?1 AND sequence = ?2");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, sequence);
    int got = db_step(s);
    db_finish(s);
    return got == 1 || sequence == 0 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

/* 0, an error, or ERR_NOT_FOUND: what was counted is no longer so. Of a conversation the oldest rows go first. */
static int inbox_still_holds(struct db *db, const struct inbox *inbox) {
    int64_t upto, changed;
    int err = account_stays(db, inbox->account);
    if (!err) err = account_read(db, inbox->account, &upto, &changed);
    if (!err && (upto != inbox->stored_upto || changed != inbox->changed)) err = ERR_NOT_FOUND;
    size_t at = 0;
    for (struct inbox_conversation *c; !err && (c = map_next(&inbox->by_peer, &at));) {
        if (!c->dirty) continue;
        err = row_is_there(db, inbox->account, c->first);
        if (!err) err = row_is_there(db, inbox->account, c->newest);
    }
    return err;
}

int inbox_write(struct db *db, const struct inbox *inbox) {
    CHECK(!inbox->only);
    int err = inbox_still_holds(db, inbox);
    if (err) return err == ERR_NOT_FOUND ? 0 : err;
    size_t at = 0;
    for (struct inbox_conversation *c; !err && (c = map_next(&inbox->by_peer, &at));)
        if (c->dirty) err = conversation_write(db, inbox->account, c);
    return err ? err : account_write(db, inbox->account, inbox->upto, inbox->changed);
}

int inbox_drop(struct db *db, int64_t account, uint32_t max, bool *out_more) {
    static const char *const steps[] = {
        "DELETE FROM inbox_accounts WHERE account = ?1 AND ?2 > 0",
        "DELETE FROM inbox WHERE account = ?1 AND peer IN (SELECT peer FROM inbox WHERE account = ?1 LIMIT ?2)",
    };
    int err = 0;
    for (size_t i = 0; !err && i < sizeof steps / sizeof *steps; i++) {
        struct db_statement *s = db_prepare(db, steps[i]);
        db_bind_int(s, 1, account);
        db_bind_int(s, 2, max);
        err = db_run(s);
    }
    *out_more = !err && db_changes(db) == max;
    return err;
}

/* --- markers --- */

/* The id that a marker names; STR_NONE: none. */
static int marker_read(struct db *db, struct arena *arena, int64_t message, struct str *out_id) {
    struct db_statement *s = db_prepare(db, "SELECT stanza FROM messages WHERE id = ?1");
    db_bind_int(s, 1, message);
    *out_id = STR_NONE;
    int got = db_step(s);
    if (got == 1) {
        struct xml_node *el = xml_parse_own(arena, db_blob(s, 0));
        const struct xml_node *marker = el ? xml_child(el, NS_MARKERS, STR("displayed")) : NULL;
        if (el && !marker) marker = xml_child(el, NS_MARKERS, STR("acknowledged"));
        if (marker) *out_id = arena_dup(arena, xml_attr(marker, STR("id")));
    }
    db_finish(s);
    return got < 0 ? got : 0;
}

static bool is_named(struct arena *arena, struct str stanza, struct str id) {
    struct arena_mark mark = arena_mark(arena);
    struct xml_node *el = xml_parse_own(arena, stanza);
    bool is = el && str_eq(xml_attr(el, STR("id")), id);
    arena_release(arena, mark);
    return is;
}

static int64_t looks_of(const struct inbox *inbox) {
    if (inbox->looks < LOOKS_LEAST) return LOOKS_LEAST;
    return inbox->looks < LOOKS_EACH ? inbox->looks : LOOKS_EACH;
}

/*
 * The owner's marker at `sequence` names a message by its sender's id: looked for among what came in behind the mark, newest first. It may be one
 * that does not count (a correction): then all before it is read.
 */
static int marker_apply(struct db *db, struct inbox *inbox, struct inbox_conversation *c, int64_t sequence,
                        struct str id) {
    struct db_statement *s = db_prepare(
        db, "SELECT r.sequence, r.flags, m.stanza FROM archive_rows r CROSS JOIN messages m WHERE m.id = r.message "
            "AND r.account = ?1 AND (r.peer, r.sequence) > (?2, ?3) AND (r.peer, r.sequence) < (?2, ?4) AND "
            "r.flags & 5 = 0 ORDER BY r.peer DESC, r.sequence DESC LIMIT ?5");
    int64_t looks = looks_of(inbox), first = 0;
    db_bind_int(s, 1, inbox->account);
    db_bind_int(s, 2, c->peer);
    db_bind_int(s, 3, c->mark);
    db_bind_int(s, 4, sequence);
    db_bind_int(s, 5, looks);
    uint32_t behind = 0;
    bool is_found = false;
    int got;
    for (; (got = db_step(s)) == 1; looks--) {
        inbox->looks--;
        inbox->folded++;
        is_found = is_found || is_named(inbox->arena, db_blob(s, 2), id);
        if (!(db_int(s, 1) & ARCHIVE_COUNTS)) continue;
        if (is_found) break;
        first = db_int(s, 0);
        behind++;
    }
    if (got == 1) {
        c->mark = db_int(s, 0);
        c->unread = behind;
        c->first = first;
    }
    if (got == 0 && looks == 0) inbox->is_vague = true;
    db_finish(s);
    return got < 0 ? got : 0;
}

static int fold_marker(struct db *db, struct inbox *inbox, struct inbox_conversation *c, int64_t sequence,
                       int64_t message) {
    struct str id;
    struct arena_mark mark = arena_mark(inbox->arena);
    int err = marker_read(db, inbox->arena, message, &id);
    if (!err && str_some(id)) err = marker_apply(db, inbox, c, sequence, id);
    arena_release(inbox->arena, mark);
    return err;
}

/* --- the fold --- */

static void fold_message(struct inbox_conversation *c, int64_t sequence, bool mine) {
    c->newest = sequence;
    if (sequence <= c->mark) return;
    if (mine) {
        c->mark = sequence;
        c->unread = 0;
        c->first = 0;
        return;
    }
    if (c->unread++ == 0) c->first = sequence;
}

#define SELECT_ROWS "SELECT sequence, peer, flags, message FROM archive_rows WHERE account = ?1 "
/* Not peer = ?4 and the range, here and below: SQLite would rather walk the range of all peers than the index by peer. */
static const char *const folds[] = {
    SELECT_ROWS "AND sequence > ?2 AND sequence <= ?3 ORDER BY sequence",
    SELECT_ROWS "AND (peer, sequence) > (?4, ?2) AND (peer, sequence) <= (?4, ?3) ORDER BY peer, sequence",
};
enum { SEQUENCE, PEER, FLAGS, MESSAGE };

/* One row of the statement; *work: what it cost. */
static int fold_row(struct db *db, struct inbox *inbox, struct db_statement *s, int64_t *work) {
    int64_t sequence = db_int(s, SEQUENCE), flags = db_int(s, FLAGS);
    inbox->upto = sequence;
    inbox->folded++;
    inbox->looks++;
    *work -= 1;
    if (flags & ARCHIVE_HIDDEN) return 0;
    struct inbox_conversation *c = conversation_of(inbox, db_int(s, PEER));
    c->dirty = true;
    if (sequence > c->changed) c->changed = sequence;
    if (flags & ARCHIVE_COUNTS) fold_message(c, sequence, flags & ARCHIVE_OUT);
    if (!(flags & ARCHIVE_MARKER) || !(flags & ARCHIVE_OUT) || c->unread == 0) return 0;
    *work -= MARKER_WORK;
    return fold_marker(db, inbox, c, sequence, db_int(s, MESSAGE));
}

static int fold(struct db *db, struct inbox *inbox, int64_t to, int64_t work, bool *out_more) {
    struct db_statement *s = db_prepare(db, folds[inbox->only != 0]);
    db_bind_int(s, 1, inbox->account);
    db_bind_int(s, 2, inbox->upto);
    db_bind_int(s, 3, to);
    if (inbox->only) db_bind_int(s, 4, inbox->only);
    int got = 0, err = 0;
    while (!err && work > 0 && (got = db_step(s)) == 1) err = fold_row(db, inbox, s, &work);
    db_finish(s);
    *out_more = got == 1;
    return err ? err : got < 0 ? got : 0;
}

/* --- the mark by itself --- */

static int row_is_of(struct db *db, int64_t account, int64_t sequence, int64_t peer) {
    struct db_statement *s = db_prepare(
        db, "SELECT 1 FROM archive_rows WHERE account = ?1 AND sequence = ?2 AND peer = ?3 AND flags & 4 = 0");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, sequence);
    db_bind_int(s, 3, peer);
    int got = db_step(s);
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

/* How many of (from, to] were unread, and the first unread one behind. */
static int passed_count(struct db *db, int64_t account, const struct inbox_conversation *c, int64_t to,
                        int64_t *out_count) {
    struct db_statement *s =
        db_prepare(db, "SELECT count(*) FROM archive_rows WHERE account = ?1 AND (peer, sequence) > (?2, ?3) AND "
                       "(peer, sequence) <= (?2, ?4) AND flags & 13 = 8");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, c->peer);
    db_bind_int(s, 3, c->mark);
    db_bind_int(s, 4, to);
    int got = db_step(s);
    *out_count = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    return got < 0 ? got : 0;
}

static int first_behind(struct db *db, int64_t account, struct inbox_conversation *c) {
    struct db_statement *s =
        db_prepare(db,
                   "SELECT sequence FROM archive_rows WHERE account = ?1 AND (peer, sequence) > (?2, ?3) AND "
                   "(peer, sequence) <= (?2, 9223372036854775807) AND flags & 13 = 8 ORDER BY peer, sequence LIMIT 1");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, c->peer);
    db_bind_int(s, 3, c->mark);
    int got = db_step(s);
    c->first = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    return got < 0 ? got : 0;
}

/* c knows rows up to `upto`. */
static int mark_move(struct db *db, int64_t account, struct inbox_conversation *c, int64_t sequence) {
    int64_t passed = c->unread;
    int err = 0;
    if (c->unread > 0 && sequence < c->newest) err = passed_count(db, account, c, sequence, &passed);
    if (err) return err;
    c->mark = sequence;
    c->unread = passed < c->unread ? c->unread - (uint32_t)passed : 0;
    if (c->unread == 0) {
        c->first = 0;
    } else if (c->first <= sequence) {
        err = first_behind(db, account, c);
    }
    return err;
}

/* Old messages leave all queries at once, and the disk some at a time: meanwhile those that are still there count as read. */
static int leave_out_gone(struct db *db, struct inbox *inbox) {
    size_t at = 0;
    int err = 0;
    for (struct inbox_conversation *c; !err && (c = map_next(&inbox->by_peer, &at));) {
        if (c->first == 0 || c->first > inbox->gone) continue;
        err = mark_move(db, inbox->account, c, inbox->gone);
        c->dirty = true;
    }
    return err;
}

int inbox_fold(struct db *db, struct inbox *inbox, int64_t to, bool *out_more) {
    int err = archive_index_ready(db, inbox->account);
    if (!err && !inbox->is_read) err = inbox_read_stored(db, inbox);
    if (!err) err = fold(db, inbox, to, FOLD_WORK, out_more);
    return err || *out_more ? err : leave_out_gone(db, inbox);
}

static int mark_write(struct db *db, const struct inbox *inbox, struct inbox_conversation *stored, int64_t sequence,
                      int64_t place) {
    int err = sequence > stored->mark ? mark_move(db, inbox->account, stored, sequence) : 0;
    stored->changed = place;
    if (!err) err = conversation_write(db, inbox->account, stored);
    return err ? err : account_write(db, inbox->account, inbox->stored_upto, place);
}

static int mark_decide(struct db *db, struct inbox *inbox, int64_t sequence, int64_t place, struct inbox_state *out) {
    bool more = false;
    int err = inbox_read_stored(db, inbox);
    if (err) return err;
    struct inbox_conversation *now = conversation_of(inbox, inbox->only), stored = *now;
    err = fold(db, inbox, INT64_MAX, MARK_WORK, &more);
    bool moved = !err && sequence > now->mark;
    if (moved) err = mark_move(db, inbox->account, now, sequence);
    if (moved && !err) err = mark_write(db, inbox, &stored, sequence, place);
    if (!err)
        *out = (struct inbox_state){.is_there = true,
                                    .mark = now->mark,
                                    .unread = more || inbox->is_vague ? -1 : (int64_t)now->unread,
                                    .moved = moved};
    return err;
}

int inbox_mark(struct db *db, int64_t account, struct str peer, int64_t sequence, int64_t place,
               struct inbox_state *out) {
    int64_t hash = archive_peer_hash(peer);
    int err = archive_index_ready(db, account);
    if (!err) err = account_stays(db, account);
    if (!err) err = row_is_of(db, account, sequence, hash);
    *out = (struct inbox_state){0};
    if (err) return err == ERR_NOT_FOUND ? 0 : err;
    struct inbox *inbox = inbox_new(account, hash);
    err = mark_decide(db, inbox, sequence, place, out);
    inbox_free(&inbox);
    return err;
}
