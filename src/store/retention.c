/*
 * retention.c: messages are numbered as they come, so the oldest of all archives stand first, and nobody's archive has to be looked through.
 * What must hold: of an archive only the oldest go, because a gap in it would be a lie (XEP-0313 section 3).
 */
#include "store/retention.h"

#include "store/archive.h"
#include "store/archive_index.h"

enum { PIECE_MAX = 256 };

struct owner {
    int64_t account, sequence, peer;
};

struct message {
    int64_t id, origin;
    struct owner out, in;
};

static struct owner owner_read(struct db_statement *s, int column) {
    return (struct owner){db_int(s, column), db_int(s, column + 1), archive_peer_hash(db_text(s, column + 2))};
}

/* How many, or an error. */
static int messages_read(struct db *db, int64_t behind, uint32_t max, struct message *out) {
    struct db_statement *s =
        db_prepare(db, "SELECT id, origin, out_account, out_sequence, out_peer, in_account, in_sequence, in_peer "
                       "FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2");
    db_bind_int(s, 1, behind);
    db_bind_int(s, 2, max);
    int got, count = 0;
    while ((got = db_step(s)) == 1)
        out[count++] = (struct message){db_int(s, 0), db_int(s, 1), owner_read(s, 2), owner_read(s, 5)};
    db_finish(s);
    return got < 0 ? got : count;
}

static bool is_old(const struct message *m, int64_t upto) {
    return (m->out.account == 0 || m->out.sequence <= upto) && (m->in.account == 0 || m->in.sequence <= upto);
}

static int run_on(struct db *db, const char *sql, int64_t first, int64_t second) {
    struct db_statement *s = db_prepare(db, sql);
    db_bind_int(s, 1, first);
    db_bind_int(s, 2, second);
    return db_run(s);
}

/* The conversation's last message, or its oldest unread one, goes; a mark that is ahead of what was counted stays. */
static int inbox_forget(struct db *db, const struct owner *o) {
    static const char *const steps[] = {
        "DELETE FROM inbox WHERE account = ?1 AND peer = ?2 AND newest <= ?3 AND mark <= ?3",
        "UPDATE inbox SET newest = 0, first = 0, unread = 0 WHERE account = ?1 AND peer = ?2 AND newest <= ?3",
        "UPDATE inbox SET unread = unread - 1, first = CASE WHEN unread = 1 THEN 0 ELSE coalesce((SELECT sequence FROM "
        "archive_rows WHERE account = ?1 AND (peer, sequence) > (?2, ?3) AND (peer, sequence) <= (?2, "
        "9223372036854775807) AND flags & 13 = 8 ORDER BY peer, sequence LIMIT 1), 0) END "
        "WHERE account = ?1 AND peer = ?2 AND first = ?3 AND unread > 0",
    };
    int err = 0;
    for (int i = 0; !err && i < 3; i++) {
        struct db_statement *s = db_prepare(db, steps[i]);
        db_bind_int(s, 1, o->account);
        db_bind_int(s, 2, o->peer);
        db_bind_int(s, 3, o->sequence);
        err = db_run(s);
    }
    return err;
}

/* A row that is not in order yet would come back: first into order. */
static int owner_forget(struct db *db, const struct owner *o) {
    if (o->account == 0) return 0;
    int err = archive_index_ready(db, o->account);
    if (!err)
        err = run_on(db, "DELETE FROM archive_rows WHERE account = ?1 AND sequence = ?2", o->account, o->sequence);
    if (!err) err = run_on(db, "DELETE FROM owed_again WHERE account = ?1 AND sequence = ?2", o->account, o->sequence);
    return err ? err : inbox_forget(db, o);
}

static int message_forget(struct db *db, const struct message *m) {
    int64_t keeper = m->out.account ? m->out.account : m->in.account;
    int err = owner_forget(db, &m->out);
    if (!err) err = owner_forget(db, &m->in);
    if (!err && m->origin)
        err = run_on(db, "DELETE FROM archive_origins WHERE account = ?1 AND origin = ?2", keeper, m->origin);
    if (!err) err = run_on(db, "DELETE FROM archive_corrections WHERE message = ?1 AND ?2 > 0", m->id, 1);
    return err ? err : run_on(db, "DELETE FROM messages WHERE id = ?1 AND ?2 > 0", m->id, 1);
}

int archive_expire(struct db *db, int64_t upto, uint32_t max, int64_t *cursor, bool *out_more) {
    struct message messages[PIECE_MAX];
    if (max > PIECE_MAX) max = PIECE_MAX;
    int count = messages_read(db, *cursor, max, messages), err = 0, gone = 0;
    if (count < 0) return count;
    for (int i = 0; !err && i < count; i++) {
        if (!is_old(&messages[i], upto)) continue;
        err = message_forget(db, &messages[i]);
        gone++;
    }
    if (err) return err;
    if (count > 0) *cursor = messages[count - 1].id;
    *out_more = gone > 0 && count == (int)max;
    return 0;
}
