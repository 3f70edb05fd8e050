/*
 * search_index.c: entries, shelves, and the words that were indexed, which stand beside them because an entry can be taken out only by them.
 *
 * The full-text table (FTS5) keeps no text, no positions, no sizes: of each term the list of places, in runs that it merges by and by, so that
 * adding costs appending. A term is written ACCOUNTxSHELFwWORD (or p and the peer's hash): numbers in hexadecimal, which has neither x, w nor p.
 * Different accounts may have entries at the same place; that does no harm, because they share no term.
 *
 * The indexer's thread, inside its transaction; reading: a reader's own connection.
 */
#include "store/search_index.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/map.h"

enum { VERSION = 1 };

static const char schema[] =
    "CREATE VIRTUAL TABLE entries USING fts5 (terms, content='', detail=none, columnsize=0, tokenize='ascii');"
    /* Each run of lists is written again at every level: eight to one go there, not four. */
    "INSERT INTO entries (entries, rank) VALUES ('automerge', 8);"
    /* Words that are indexed of each message, and for whom. */
    "CREATE TABLE docs (message INTEGER PRIMARY KEY, out_account INTEGER NOT NULL, out_sequence INTEGER NOT NULL, "
    "out_peer INTEGER NOT NULL, in_account INTEGER NOT NULL, in_sequence INTEGER NOT NULL, in_peer INTEGER NOT NULL, "
    "words TEXT NOT NULL);"
    /* Of the newest shelf: how many entries were put on it, and the last of their places. */
    "CREATE TABLE owners (account INTEGER PRIMARY KEY, shelf INTEGER NOT NULL, entries INTEGER NOT NULL, "
    "newest INTEGER NOT NULL);"
    /* Where each shelf but the first begins. */
    "CREATE TABLE shelves (account INTEGER NOT NULL, first INTEGER NOT NULL, shelf INTEGER NOT NULL, "
    "PRIMARY KEY (account, first)) WITHOUT ROWID;"
    "CREATE TABLE state (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, mark INTEGER NOT NULL, "
    "witness INTEGER NOT NULL, changes INTEGER NOT NULL);";

/* --- the state --- */

static int version_read(struct db *db) {
    struct db_statement *s = db_prepare(db, "SELECT version FROM state WHERE id = 1");
    int got = db_step(s);
    int err = got < 0 ? got : got == 1 && db_int(s, 0) == VERSION ? 0 : ERR_UNSUPPORTED;
    db_finish(s);
    return err;
}

int search_index_prepare(struct db *db) {
    if (db_has_table(db, "state")) return version_read(db);
    if (db_is_corrupt(db)) return ERR_STORE;
    int err = db_begin(db);
    if (err) return err;
    err = db_script(db, schema);
    if (!err) {
        struct db_statement *s = db_prepare(db, "INSERT INTO state VALUES (1, ?1, 0, 0, 0)");
        db_bind_int(s, 1, VERSION);
        err = db_run(s);
    }
    if (!err) return db_commit(db);
    db_rollback(db);
    return err;
}

int search_state_read(struct db *db, struct search_state *out) {
    struct db_statement *s = db_prepare(db, "SELECT mark, witness, changes FROM state WHERE id = 1");
    int got = db_step(s);
    if (got == 1) *out = (struct search_state){db_int(s, 0), db_int(s, 1), db_int(s, 2)};
    db_finish(s);
    return got == 1 ? 0 : got < 0 ? got : ERR_STORE;
}

int search_state_write(struct db *db, const struct search_state *state) {
    struct db_statement *s = db_prepare(db, "UPDATE state SET mark = ?1, witness = ?2, changes = ?3 WHERE id = 1");
    db_bind_int(s, 1, state->mark);
    db_bind_int(s, 2, state->witness);
    db_bind_int(s, 3, state->changes);
    return db_run(s);
}

int64_t search_witness(int64_t out_sequence, int64_t in_sequence) {
    static const uint8_t key[16] = "search-witness1";
    const int64_t both[2] = {out_sequence, in_sequence};
    return (int64_t)siphash(key, both, sizeof both);
}

/* --- shelves --- */

static int shelf_of(struct db *db, int64_t account, int64_t sequence, int64_t *out) {
    struct db_statement *s = db_prepare(
        db, "SELECT shelf FROM shelves WHERE account = ?1 AND first <= ?2 ORDER BY account, first DESC LIMIT 1");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, sequence);
    int got = db_step(s);
    *out = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    return got < 0 ? got : 0;
}

struct owner_row {
    int64_t shelf, entries, newest;
};

static int owner_read(struct db *db, int64_t account, struct owner_row *out) {
    struct db_statement *s = db_prepare(db, "SELECT shelf, entries, newest FROM owners WHERE account = ?1");
    db_bind_int(s, 1, account);
    int got = db_step(s);
    *out = (struct owner_row){0, 0, 0};
    if (got == 1) *out = (struct owner_row){db_int(s, 0), db_int(s, 1), db_int(s, 2)};
    db_finish(s);
    return got < 0 ? got : 0;
}

static int owner_write(struct db *db, int64_t account, const struct owner_row *row) {
    struct db_statement *s = db_prepare(db, "INSERT INTO owners VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account) "
                                            "DO UPDATE SET shelf = ?2, entries = ?3, newest = ?4");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, row->shelf);
    db_bind_int(s, 3, row->entries);
    db_bind_int(s, 4, row->newest);
    return db_run(s);
}

/* A new one begins behind all that is there: what is older and comes late goes on the one before. */
static int shelf_begin(struct db *db, int64_t account, struct owner_row *row) {
    struct db_statement *s = db_prepare(db, "INSERT INTO shelves (account, first, shelf) VALUES (?1, ?2, ?3)");
    row->shelf++;
    row->entries = 0;
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, row->newest + 1);
    db_bind_int(s, 3, row->shelf);
    return db_run(s);
}

static int shelf_take(struct db *db, const struct search_owner *o, uint32_t shelf_rows, int64_t *out) {
    struct owner_row row;
    int err = owner_read(db, o->account, &row);
    if (!err && row.entries >= shelf_rows) err = shelf_begin(db, o->account, &row);
    if (err) return err;
    row.entries++;
    if (o->sequence > row.newest) row.newest = o->sequence;
    err = owner_write(db, o->account, &row);
    return err ? err : shelf_of(db, o->account, o->sequence, out);
}

int search_shelves(struct db *db, struct arena *arena, int64_t account, struct search_shelf **out,
                   uint32_t *out_count) {
    struct db_statement *s = db_prepare(db, "SELECT first, shelf FROM shelves WHERE account = ?1 ORDER BY first");
    uint32_t count = 1, cap = 8;
    struct search_shelf *list = arena_alloc(arena, cap * sizeof *list);
    list[0] = (struct search_shelf){0, INT64_MIN, INT64_MAX};
    int got;
    db_bind_int(s, 1, account);
    while ((got = db_step(s)) == 1) {
        if (count == cap) {
            struct search_shelf *more = arena_alloc(arena, 2 * cap * sizeof *more);
            memcpy(more, list, count * sizeof *list);
            list = more;
            cap *= 2;
        }
        list[count] = (struct search_shelf){db_int(s, 1), db_int(s, 0), INT64_MAX};
        list[count - 1].last = list[count].first - 1;
        count++;
    }
    db_finish(s);
    *out = list;
    *out_count = count;
    return got;
}

/* --- terms --- */

static void hex_add(struct buf *out, int64_t number) {
    char digits[16];
    size_t at = sizeof digits;
    uint64_t n = (uint64_t)number;
    do digits[--at] = "0123456789abcdef"[n & 15];
    while (n >>= 4);
    buf_add(out, digits + at, sizeof digits - at);
}

static void term_head(struct buf *out, int64_t account, int64_t shelf, char kind) {
    hex_add(out, account);
    buf_add_char(out, 'x');
    hex_add(out, shelf);
    buf_add_char(out, kind);
}

struct str search_expression(struct buf *out, int64_t account, int64_t shelf, int64_t peer, const struct terms *terms) {
    const char *between = "\"";
    if (peer) {
        buf_add_str(out, str_c(between));
        term_head(out, account, shelf, 'p');
        hex_add(out, peer);
        between = "\" AND \"";
    }
    for (uint32_t i = 0; i < terms->count; i++) {
        buf_add_str(out, str_c(between));
        term_head(out, account, shelf, 'w');
        buf_add_str(out, terms->list[i]);
        between = "\" * AND \"";
    }
    buf_add_str(out, terms->count ? STR("\" *") : STR("\""));
    return buf_str(out);
}

/* Words are separated by one space each. */
static struct str entry_terms(struct buf *out, const struct search_owner *o, int64_t shelf, struct str words) {
    struct buf head = BUF_INIT;
    term_head(&head, o->account, shelf, 'w');
    while (words.len) {
        struct str word = str_first(words, str_index(words, ' '));
        words = str_from(words, word.len + 1);
        buf_add_str(out, buf_str(&head));
        buf_add_str(out, word);
        buf_add_char(out, ' ');
    }
    buf_free(&head);
    term_head(out, o->account, shelf, 'p');
    hex_add(out, o->peer);
    return buf_str(out);
}

/* --- entries --- */

static int entry_change(struct db *db, const char *sql, const struct search_owner *o, int64_t shelf, struct str words) {
    struct db_statement *s = db_prepare(db, sql);
    struct buf *text = db_scratch(db);
    db_bind_int(s, 1, o->sequence);
    db_bind_text(s, 2, entry_terms(text, o, shelf, words));
    return db_run(s);
}

static int entry_remove(struct db *db, const struct search_owner *o, struct str words) {
    int64_t shelf;
    if (o->account == 0) return 0;
    int err = shelf_of(db, o->account, o->sequence, &shelf);
    return err ? err
               : entry_change(db, "INSERT INTO entries (entries, rowid, terms) VALUES ('delete', ?1, ?2)", o, shelf,
                              words);
}

int search_index_remove(struct db *db, int64_t message) {
    struct db_statement *s =
        db_prepare(db, "SELECT out_account, out_sequence, out_peer, in_account, in_sequence, in_peer, words FROM docs "
                       "WHERE message = ?1");
    db_bind_int(s, 1, message);
    int got = db_step(s), err = got < 0 ? got : 0;
    if (got == 1) {
        struct search_owner out = {db_int(s, 0), db_int(s, 1), db_int(s, 2)};
        struct search_owner in = {db_int(s, 3), db_int(s, 4), db_int(s, 5)};
        err = entry_remove(db, &out, db_text(s, 6));
        if (!err) err = entry_remove(db, &in, db_text(s, 6));
    }
    db_finish(s);
    if (err || got != 1) return err;
    s = db_prepare(db, "DELETE FROM docs WHERE message = ?1");
    db_bind_int(s, 1, message);
    return db_run(s);
}

static struct str words_join(struct arena *arena, const struct terms *terms) {
    size_t len = 0;
    for (uint32_t i = 0; i < terms->count; i++) len += terms->list[i].len + 1;
    char *p = arena_alloc(arena, len + 1), *at = p;
    for (uint32_t i = 0; i < terms->count; i++) {
        if (i) *at++ = ' ';
        memcpy(at, terms->list[i].p, terms->list[i].len);
        at += terms->list[i].len;
    }
    return str_of(p, (size_t)(at - p));
}

static int doc_write(struct db *db, const struct search_doc *doc, struct str words) {
    struct db_statement *s = db_prepare(db, "INSERT INTO docs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db_bind_int(s, 1, doc->message);
    for (int i = 0; i < 2; i++) {
        db_bind_int(s, 3 * i + 2, doc->owners[i].account);
        db_bind_int(s, 3 * i + 3, doc->owners[i].sequence);
        db_bind_int(s, 3 * i + 4, doc->owners[i].peer);
    }
    db_bind_text(s, 8, words);
    return db_run(s);
}

struct entry {
    const struct search_owner *owner;
    int64_t shelf;
    struct str words;
    bool done;
};

static int entry_order(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    return (a->owner->sequence > b->owner->sequence) - (a->owner->sequence < b->owner->sequence);
}

/*
 * A place that is not behind the one before it makes the table write out what it has gathered: so they go in order, and of equal ones (of
 * different accounts) each but the first in another round.
 */
static int entries_write(struct db *db, struct entry *entries, uint32_t count) {
    qsort(entries, count, sizeof *entries, entry_order);
    int err = 0;
    for (uint32_t left = count; !err && left > 0;) {
        int64_t last = INT64_MIN;
        for (uint32_t i = 0; !err && i < count; i++) {
            struct entry *e = &entries[i];
            if (e->done || e->owner->sequence == last) continue;
            err = entry_change(db, "INSERT INTO entries (rowid, terms) VALUES (?1, ?2)", e->owner, e->shelf, e->words);
            last = e->owner->sequence;
            e->done = true;
            left--;
        }
    }
    return err;
}

int search_index_add(struct db *db, struct arena *arena, const struct search_doc *docs, uint32_t count,
                     uint32_t shelf_rows) {
    struct entry *entries = arena_alloc(arena, 2 * (size_t)count * sizeof *entries);
    uint32_t entry_count = 0;
    int err = 0;
    for (uint32_t i = 0; !err && i < count; i++) {
        const struct search_doc *doc = &docs[i];
        if (doc->terms.count == 0) continue;
        struct str words = words_join(arena, &doc->terms);
        err = doc_write(db, doc, words);
        for (int o = 0; !err && o < 2; o++) {
            struct entry e = {&doc->owners[o], 0, words, false};
            if (e.owner->account == 0) continue;
            err = shelf_take(db, e.owner, shelf_rows, &e.shelf);
            entries[entry_count++] = e;
        }
    }
    return err ? err : entries_write(db, entries, entry_count);
}
