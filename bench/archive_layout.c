/*
 * archive_layout.c: what a message costs in candidate layouts of the archive (docs/decisions/003-archive-layout.md).
 * One thread: random pairs among many accounts, stanzas of 300 bytes, one commit per batch, checkpoints included. Prints the CPU
 * time per message of the last third, when the trees have grown.
 *
 *   archive_layout DIRECTORY LAYOUT [MESSAGES [ACCOUNTS [BATCH [LATE_ROWS]]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/codec.h"
#include "store/archive_index.h"
#include "store/db.h"
#include "store/migrate.h"

struct layout {
    const char *name, *schema;
    const char *origin; /* account, origin */
    const char *peer;   /* jid -> number; NULL: the text itself goes into the row */
    const char *peer_new;
    const char *stanza; /* bytes */
    const char *row;    /* account, sequence, peer, flags, stanza */
    const char *both;   /* one row for both: out account, sequence, peer; in account, sequence, peer; flags, bytes */
};

#define STANZAS "CREATE TABLE stanzas(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
#define ROWS                                                                                                           \
    "CREATE TABLE rows(account INTEGER, sequence INTEGER, peer, flags INTEGER, stanza INTEGER, PRIMARY KEY(account, "  \
    "sequence)) WITHOUT ROWID;"
#define ORIGINS "CREATE TABLE origins(account INTEGER, origin INTEGER, PRIMARY KEY(account, origin)) WITHOUT ROWID;"
#define PEERS "CREATE TABLE peers(id INTEGER PRIMARY KEY, jid TEXT UNIQUE);"
#define BY_PEER "CREATE INDEX rows_by_peer ON rows(account, peer, sequence);"
#define ADD_STANZA "INSERT INTO stanzas(bytes) VALUES(?1)"
#define ADD_ROW "INSERT INTO rows(account, sequence, peer, flags, stanza) VALUES(?1, ?2, ?3, ?4, ?5)"
#define ADD_ORIGIN "INSERT INTO origins(account, origin) VALUES(?1, ?2)"
#define ROWID_ROWS                                                                                                     \
    "CREATE TABLE rows(account INTEGER, sequence INTEGER, peer, flags INTEGER, stanza INTEGER);"                       \
    "CREATE UNIQUE INDEX rows_by_sequence ON rows(account, sequence);"

static const struct layout layouts[] = {
    {"rows", STANZAS ROWS, NULL, NULL, NULL, ADD_STANZA, ADD_ROW, NULL},
    {"rowid", STANZAS ROWID_ROWS, NULL, NULL, NULL, ADD_STANZA, ADD_ROW, NULL},
    {"rows+origin", STANZAS ROWS ORIGINS, ADD_ORIGIN, NULL, NULL, ADD_STANZA, ADD_ROW, NULL},
    {"rowid+origin", STANZAS ROWID_ROWS ORIGINS, ADD_ORIGIN, NULL, NULL, ADD_STANZA, ADD_ROW, NULL},
    {"rows+origin+peer", STANZAS ROWS ORIGINS BY_PEER, ADD_ORIGIN, NULL, NULL, ADD_STANZA, ADD_ROW, NULL},
    {"rows+origin+interned", STANZAS ROWS ORIGINS PEERS, ADD_ORIGIN, "SELECT id FROM peers WHERE jid = ?1",
     "INSERT INTO peers(jid) VALUES(?1)", ADD_STANZA, ADD_ROW, NULL},
    {"rows+origin+interned+peer", STANZAS ROWS ORIGINS PEERS BY_PEER, ADD_ORIGIN, "SELECT id FROM peers WHERE jid = ?1",
     "INSERT INTO peers(jid) VALUES(?1)", ADD_STANZA, ADD_ROW, NULL},
    {"ours-at-once", NULL, NULL, NULL, NULL, NULL, NULL, NULL}, /* the real thing, without and with the late index */
    {"ours", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"both+origin",
     "CREATE TABLE messages(id INTEGER PRIMARY KEY, oa INTEGER, os INTEGER, op, ia INTEGER, isq INTEGER, ip, flags "
     "INTEGER, bytes BLOB);"
     "CREATE UNIQUE INDEX m_out ON messages(oa, os); CREATE UNIQUE INDEX m_in ON messages(ia, isq);" ORIGINS,
     ADD_ORIGIN, NULL, NULL, NULL, NULL,
     "INSERT INTO messages(oa, os, op, ia, isq, ip, flags, bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
};

static uint64_t seed = 88172645463325252u;

static uint64_t random_next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double cpu_s(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void bind_peer(struct db *db, const struct layout *l, struct db_statement *row, int at, struct str jid,
                      int64_t number) {
    (void)db;
    if (l->peer)
        db_bind_int(row, at, number);
    else
        db_bind_text(row, at, jid);
}

static int64_t peer_number(struct db *db, const struct layout *l, struct str jid) {
    if (!l->peer) return 0;
    struct db_statement *s = db_prepare(db, l->peer);
    db_bind_text(s, 1, jid);
    if (db_step(s) == 1) {
        int64_t number = db_int(s, 0);
        db_finish(s);
        return number;
    }
    s = db_prepare(db, l->peer_new);
    db_bind_text(s, 1, jid);
    CHECK(db_run(s) == 0);
    return db_last_id(db);
}

static struct str jid_of(char text[64], uint64_t account) {
    snprintf(text, 64, "user%05u@example.org", (unsigned)account);
    return str_c(text);
}

static void add_row(struct db *db, const struct layout *l, uint64_t account, int64_t sequence, uint64_t peer,
                    int64_t stanza) {
    char text[64];
    struct str jid = jid_of(text, peer);
    int64_t number = peer_number(db, l, jid);
    struct db_statement *s = db_prepare(db, l->row);
    db_bind_int(s, 1, (int64_t)account);
    db_bind_int(s, 2, sequence);
    bind_peer(db, l, s, 3, jid, number);
    db_bind_int(s, 4, 1);
    db_bind_int(s, 5, stanza);
    CHECK(db_run(s) == 0);
}

static struct archive_shared shared;

static void add_ours(struct db *db, uint64_t accounts, int64_t sequence, struct str stanza) {
    char out_text[64], in_text[64];
    uint64_t out = random_next() % accounts + 1, in = random_next() % accounts + 1;
    struct archive_entry entry = {
        .out = {(int64_t)out, sequence, jid_of(in_text, in), ARCHIVE_OUT},
        .in = {(int64_t)in, sequence + 1, jid_of(out_text, out), ARCHIVE_OFFLINE},
        .origin = random_next(),
        .stanza = stanza,
    };
    CHECK(archive_add(db, &entry) == 0);
}

static void add_message(struct db *db, const struct layout *l, uint64_t accounts, int64_t sequence, struct str stanza) {
    if (!l->schema) {
        add_ours(db, accounts, sequence, stanza);
        return;
    }
    uint64_t out = random_next() % accounts + 1, in = random_next() % accounts + 1;
    struct db_statement *s;
    if (l->origin) {
        s = db_prepare(db, l->origin);
        db_bind_int(s, 1, (int64_t)out);
        db_bind_int(s, 2, (int64_t)random_next());
        CHECK(db_run(s) == 0);
    }
    if (l->both) {
        char out_text[64], in_text[64];
        s = db_prepare(db, l->both);
        db_bind_int(s, 1, (int64_t)out);
        db_bind_int(s, 2, sequence);
        db_bind_text(s, 3, jid_of(in_text, in));
        db_bind_int(s, 4, (int64_t)in);
        db_bind_int(s, 5, sequence + 1);
        db_bind_text(s, 6, jid_of(out_text, out));
        db_bind_int(s, 7, 1);
        db_bind_blob(s, 8, stanza);
        CHECK(db_run(s) == 0);
        return;
    }
    s = db_prepare(db, l->stanza);
    db_bind_blob(s, 1, stanza);
    CHECK(db_run(s) == 0);
    int64_t id = db_last_id(db);
    add_row(db, l, out, sequence, in, id);
    add_row(db, l, in, sequence + 1, out, id);
}

static const struct layout *layout_find(const char *name) {
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (str_eq(str_c(layouts[i].name), str_c(name))) return &layouts[i];
    fprintf(stderr, "no such layout; there are:");
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) fprintf(stderr, " %s", layouts[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s DIRECTORY LAYOUT [MESSAGES [ACCOUNTS [BATCH [LATE_ROWS]]]]\n", argv[0]);
        return 2;
    }
    const struct layout *l = layout_find(argv[2]);
    int64_t messages = argc > 3 ? atoll(argv[3]) : 300000, accounts = argc > 4 ? atoll(argv[4]) : 10000;
    int64_t batch = argc > 5 ? atoll(argv[5]) : 100;
    shared.rows_max = argc > 6 ? (uint32_t)atoi(argv[6]) : 0;
    char path[4096], stanza[300];
    snprintf(path, sizeof path, "%s/layout-%s.db", argv[1], l->name);
    unlink(path);
    memset(stanza, 'x', sizeof stanza);
    struct db *db;
    CHECK(db_open(&(struct db_options){.path = path}, &db) == 0);
    CHECK((l->schema ? db_script(db, l->schema) : migrate(db)) == 0);
    if (str_eq(str_c(l->name), STR("ours"))) CHECK(archive_index_attach(db, &shared, NULL, NULL) == 0);
    double began_s = 0;
    int64_t measured_from = messages * 2 / 3 / batch * batch;
    for (int64_t i = 0; i < messages; i++) {
        if (i == measured_from) began_s = cpu_s();
        if (i % batch == 0) CHECK(db_begin(db) == 0);
        add_message(db, l, (uint64_t)accounts, 1700000000000000 + i * 100, str_of(stanza, sizeof stanza));
        if (i % batch == batch - 1 || i == messages - 1) {
            CHECK(archive_index_tidy(db) == 0 && db_commit(db) == 0);
            db_tidy(db);
        }
    }
    double cpu_us = (cpu_s() - began_s) * 1e6 / (double)(messages - measured_from);
    archive_index_detach(db);
    db_close(&db);
    struct stat st;
    stat(path, &st);
    printf("%-28s %6.1f us CPU a message  %5.0f bytes a message\n", l->name, cpu_us,
           (double)st.st_size / (double)messages);
    unlink(path);
    return 0;
}
