/*
 * clients.c: rows of the table clients. There are few of an account: the table of each is bounded.
 * Worker threads, inside a job; functions that change something are part of the caller's transaction.
 */
#include "store/clients.h"

#include "base/check.h"
#include "base/err.h"

#define COLUMNS "client, software, device, first_us, seen_us, token_us, next_us, signed_out "
enum { CLIENT, SOFTWARE, DEVICE, FIRST_US, SEEN_US, TOKEN_US, NEXT_US, SIGNED_OUT };

static void name_read(struct db_statement *s, int column, char out[CLIENT_NAME_MAX]) {
    struct str name = db_text(s, column);
    if (name.len >= CLIENT_NAME_MAX) name = STR_NONE;
    if (name.len) memcpy(out, name.p, name.len);
    out[name.len] = '\0';
}

static void row_read(struct db_statement *s, struct client_row *out) {
    out->client = db_int(s, CLIENT);
    out->known = true;
    name_read(s, SOFTWARE, out->software);
    name_read(s, DEVICE, out->device);
    out->first_us = db_int(s, FIRST_US);
    out->seen_us = db_int(s, SEEN_US);
    out->token_us = db_int(s, TOKEN_US);
    out->next_us = db_int(s, NEXT_US);
    out->signed_out = db_int(s, SIGNED_OUT) != 0;
}

int clients_find(struct db *db, int64_t account, struct client_row *out) {
    struct db_statement *s = db_prepare(db, "SELECT " COLUMNS "FROM clients WHERE account = ?1 AND client = ?2");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, out->client);
    int got = db_step(s);
    if (got == 1) row_read(s, out);
    db_finish(s);
    return got < 0 ? got : 0;
}

static void row_bind(struct db_statement *s, int64_t account, const struct client_row *row) {
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, row->client);
    db_bind_text(s, 3, str_c(row->software));
    db_bind_text(s, 4, str_c(row->device));
    db_bind_int(s, 5, row->seen_us);
    db_bind_int(s, 6, row->token_us);
    db_bind_int(s, 7, row->next_us);
}

/* Whoever was not seen for longest makes room; those that were signed out first. */
static int clients_bound(struct db *db, int64_t account, int64_t max, int64_t forget_us) {
    struct db_statement *s = db_prepare(
        db, "DELETE FROM clients WHERE account = ?1 AND (seen_us < ?3 OR client IN (SELECT client FROM clients WHERE "
            "account = ?1 ORDER BY signed_out, seen_us DESC, client LIMIT 1000 OFFSET ?2))");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, max);
    db_bind_int(s, 3, forget_us);
    return db_run(s);
}

static int client_insert(struct db *db, int64_t account, const struct client_row *row, int64_t max, int64_t forget_us) {
    struct db_statement *s =
        db_prepare(db, "INSERT INTO clients (account, client, software, device, first_us, seen_us, token_us, next_us) "
                       "SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7 FROM accounts WHERE id = ?1 AND deleted = 0 "
                       "ON CONFLICT (account, client) DO UPDATE SET software = ?3, device = ?4, seen_us = ?5, "
                       "token_us = ?6, next_us = ?7 WHERE signed_out = 0");
    row_bind(s, account, row);
    int err = db_run(s);
    if (err) return err;
    return db_changes(db) == 1 ? clients_bound(db, account, max, forget_us) : ERR_NOT_FOUND;
}

int clients_put(struct db *db, int64_t account, const struct client_row *row, int64_t max, int64_t forget_us) {
    if (!row->known) return client_insert(db, account, row, max, forget_us);
    struct db_statement *s =
        db_prepare(db, "UPDATE clients SET software = ?3, device = ?4, seen_us = max(seen_us, ?5), token_us = ?6, "
                       "next_us = ?7 WHERE account = ?1 AND client = ?2 AND signed_out = 0");
    row_bind(s, account, row);
    int err = db_run(s);
    if (err || db_changes(db) == 1) return err;
    return client_insert(db, account, row, max,
                         forget_us); /* it made room for another meanwhile; or it is signed out */
}

int clients_seen(struct db *db, int64_t account, int64_t client, int64_t seen_us) {
    struct db_statement *s =
        db_prepare(db, "UPDATE clients SET seen_us = max(seen_us, ?3) WHERE account = ?1 AND client = ?2");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, client);
    db_bind_int(s, 3, seen_us);
    return db_run(s);
}

static int run_on_client(struct db *db, struct db_statement *s, int64_t account, int64_t client) {
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, client);
    int err = db_run(s);
    return err ? err : db_changes(db) == 1 ? 0 : ERR_NOT_FOUND;
}

int clients_sign_out(struct db *db, int64_t account, int64_t client) {
    return run_on_client(db,
                         db_prepare(db, "UPDATE clients SET signed_out = 1, token_us = 0, next_us = 0 "
                                        "WHERE account = ?1 AND client = ?2 AND signed_out = 0"),
                         account, client);
}

int clients_remove(struct db *db, int64_t account, int64_t client) {
    return run_on_client(db, db_prepare(db, "DELETE FROM clients WHERE account = ?1 AND client = ?2"), account, client);
}

int clients_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct client_row *row), void *arg) {
    struct db_statement *s = db_prepare(db, "SELECT " COLUMNS "FROM clients WHERE account = ?1 AND signed_out = 0 "
                                            "ORDER BY seen_us DESC, client");
    db_bind_int(s, 1, account);
    int got;
    while ((got = db_step(s)) == 1) {
        struct client_row row;
        row_read(s, &row);
        if (!each(arg, &row)) break;
    }
    db_finish(s);
    return got < 0 ? got : 0;
}
