/*
 * accounts_admin.c: accounts come, change and go. Keys are derived by the store's computing thread (PBKDF2 blocks for milliseconds) and written
 * by its writer, one job that goes there twice. What must hold: a password is in memory no longer than its derivation takes; a session of the
 * old password, or of an account that is gone, ends after the commit and never without it; contacts learn of a removal through
 * debts recorded with it, so a crash loses none.
 */
#include "im/accounts_admin.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "im/change.h"
#include "im/media.h"
#include "im/removal.h"
#include "im/roster.h"
#include "im/session.h"
#include "store/accounts.h"
#include "store/roster.h"
#include "xmpp/ns.h"

/* --- names --- */

static bool words_have(struct str words, struct str word) {
    for (struct str left = words; left.len;) {
        struct str one = str_first(left, str_index(left, ' '));
        left = str_from(left, one.len + 1);
        if (str_some(one) && str_eq(one, word)) return true;
    }
    return false;
}

int registration_check(const struct server *server, struct arena *arena, struct str name, struct str *out_bare) {
    struct str local;
    if (jid_prepare_local(arena, name, &local)) return ERR_INVALID;
    struct str bare = jid_str(jid_make(arena, local, server->options.domain, STR_NONE));
    if (words_have(server->options.reserved, local) || words_have(server->options.admins, bare)) return ERR_DENIED;
    *out_bare = bare;
    return 0;
}

/* --- keys: derived, then written --- */

struct keys_job {
    struct store_job job;
    struct server *server;
    struct account *account;     /* of a new password: stays while jobs > 0; NULL: a new account */
    uint32_t except, except_gen; /* handle of the session that stays */
    int64_t id, now_us;
    struct scram_keys sha1, sha256;
    unsigned iterations;
    account_done done;
    void *arg;
    uint16_t bare_len, password_len;
    char text[]; /* address, password */
};

static struct str keys_bare(const struct keys_job *k) {
    return str_of(k->text, k->bare_len);
}

/* Computing thread. */
static int keys_derive(struct db *db, struct store_job *job) {
    (void)db;
    struct keys_job *k = (struct keys_job *)job;
    struct str password = str_of(k->text + k->bare_len, k->password_len);
    uint8_t salts[2][SASL_SALT_LEN];
    random_bytes(salts, sizeof salts);
    int err = scram_derive(HASH_SHA1, password, salts[0], k->iterations, &k->sha1);
    if (!err) err = scram_derive(HASH_SHA256, password, salts[1], k->iterations, &k->sha256);
    bytes_wipe(k->text + k->bare_len, k->password_len);
    return err;
}

/* Writer thread. */
static int keys_write(struct db *db, struct store_job *job) {
    struct keys_job *k = (struct keys_job *)job;
    if (k->account) return accounts_set_keys(db, k->id, &k->sha1, &k->sha256);
    return accounts_create(db, keys_bare(k), &k->sha1, &k->sha256, k->now_us, &k->id);
}

static void keys_end(struct turn *turn, struct keys_job *k, int err) {
    struct account *a = k->account;
    if (!err && a) a->generation++;
    if (!err) LOG(LOG_INFO, a ? "password-changed" : "account-created", F_STR("account", keys_bare(k)));
    k->done(turn, k->arg, err);
    if (!err && a) {
        struct session *except = session_at(a->im, k->except, k->except_gen);
        account_end_sessions(turn, a, except, STREAM_ERR_RESET, STR("The password was changed."));
    }
    bytes_wipe(k, sizeof *k);
    free(k);
    if (a) account_job_end(turn, a);
}

static void keys_written(struct turn *turn, struct store_job *job) {
    keys_end(turn, (struct keys_job *)job, job->result);
}

static void keys_derived(struct turn *turn, struct store_job *job) {
    struct keys_job *k = (struct keys_job *)job;
    if (job->result) {
        keys_end(turn, k, job->result);
        return;
    }
    k->job.kind = STORE_WRITE;
    k->job.run = keys_write;
    k->job.done = keys_written;
    k->job.result = 0;
    store_submit(k->server->store, turn, &k->job);
}

enum { PASSWORD_LEN_MAX = 4096 }; /* scram_derive's own limit is lower; here it bounds the copy */

/* NULL: no password at all or far too long; `done` was called. */
static struct keys_job *keys_new(struct turn *turn, struct server *server, struct str bare, struct str password,
                                 unsigned iterations, account_done done, void *arg) {
    if (password.len == 0 || password.len > PASSWORD_LEN_MAX) {
        done(turn, arg, ERR_INVALID);
        return NULL;
    }
    struct keys_job *k = calloc(1, sizeof *k + bare.len + password.len);
    CHECK(k != NULL);
    k->job.kind = STORE_WORK;
    k->job.slot = slot_of(server->hub, bare);
    k->job.run = keys_derive;
    k->job.done = keys_derived;
    k->job.msg.bytes = (uint32_t)(sizeof *k + bare.len + password.len);
    k->server = server;
    k->now_us = turn->wall_us;
    k->iterations = iterations;
    k->done = done;
    k->arg = arg;
    k->bare_len = (uint16_t)bare.len;
    k->password_len = (uint16_t)password.len;
    memcpy(k->text, bare.p, bare.len);
    memcpy(k->text + bare.len, password.p, password.len);
    return k;
}

void account_create_submit(struct turn *turn, struct server *server, struct str bare, struct str password,
                           unsigned iterations, account_done done, void *arg) {
    struct keys_job *k = keys_new(turn, server, bare, password, iterations, done, arg);
    if (k) store_submit(server->store, turn, &k->job);
}

void account_set_password(struct turn *turn, struct account *a, struct session *except, struct str password,
                          unsigned iterations, account_done done, void *arg) {
    if (a->id == 0) {
        done(turn, arg, ERR_NOT_FOUND);
        return;
    }
    struct keys_job *k = keys_new(turn, a->im->server, account_bare(a), password, iterations, done, arg);
    if (!k) return;
    k->account = a;
    k->id = a->id;
    k->except = except ? except->index : UINT32_MAX;
    k->except_gen = except ? except->generation : 0;
    account_job_begin(a);
    store_submit(k->server->store, turn, &k->job);
}

/* --- changes of what an account owns --- */

struct admin_change {
    account_done done;
    void *arg;
    int err; /* refused before anything was written */
    struct jid contact;
};

static struct change *admin_change(change_decide decide, change_finish finish, account_done done, void *arg) {
    struct change *c = change_new(decide, finish);
    struct admin_change *d = ARENA_NEW(c->arena, struct admin_change);
    d->done = done;
    d->arg = arg;
    d->err = ERR_NOT_FOUND; /* decide is not run for an account that has gone meanwhile */
    c->data = d;
    return c;
}

/* --- removal --- */

static void owe_presence(struct turn *turn, const struct account *a, struct change *c, struct jid to, struct str type) {
    struct xml_node *el = xml_new(turn->arena, NS_CLIENT, STR("presence"));
    xml_set(turn->arena, el, STR("type"), type);
    xml_set(turn->arena, el, STR("from"), account_bare(a));
    change_owe(turn, c, el, jid_bare(to));
}

static void remove_decide(struct turn *turn, struct account *a, struct change *c) {
    ((struct admin_change *)c->data)->err = 0;
    for (uint32_t i = 0; i < a->contacts.count; i++) {
        const struct contact *contact = a->contacts.items[i];
        struct jid jid = jid_trusted(contact_jid(contact));
        if (contact->flags & (ROSTER_TO | ROSTER_ASK)) owe_presence(turn, a, c, jid, STR("unsubscribe"));
        if (contact->flags & ROSTER_FROM) owe_presence(turn, a, c, jid, STR("unsubscribed"));
    }
    size_t at = 0;
    for (const struct request *request; (request = map_next(&a->requests, &at));) {
        owe_presence(turn, a, c, jid_trusted(str_of(request->text, request->jid_len)), STR("unsubscribed"));
    }
    change_delete_account(c, turn->wall_us);
}

/* Who sees this account sees its sessions leave too: a contact's subscription ends with that contact's own commit, later than this. */
static void remove_finish(struct turn *turn, struct account *a, struct change *c, int err) {
    const struct admin_change *d = c->data;
    if (!err) err = d->err;
    if (!err) LOG(LOG_INFO, "account-removed", F_STR("account", account_bare(a)));
    d->done(turn, d->arg, err);
    if (err) return;
    media_removed(turn, a->im->server->media);
    removal_begin(turn, a->im->server->removal);
    account_end_sessions(turn, a, NULL, STREAM_ERR_NOT_AUTHORIZED, STR("The account was removed."));
    account_forget(turn, a);
}

void account_remove(struct turn *turn, struct account *a, account_done done, void *arg) {
    if (a->id == 0) {
        done(turn, arg, ERR_NOT_FOUND);
        return;
    }
    change_start(turn, a, admin_change(remove_decide, remove_finish, done, arg));
}

/* --- a contact at both sides' will --- */

static void befriend_decide(struct turn *turn, struct account *a, struct change *c) {
    (void)turn;
    struct admin_change *d = c->data;
    struct str jid = jid_str(d->contact);
    const struct contact *old = account_contact(a, jid);
    if (!old && !account_has_room(a, jid, STR_NONE, STR_NONE)) {
        d->err = ERR_LIMIT;
        return;
    }
    d->err = 0;
    change_contact(c, jid, old ? contact_name(old) : STR_NONE, old ? contact_groups(old) : STR_NONE,
                   ROSTER_TO | ROSTER_FROM | ROSTER_LISTED);
    if (map_get(&a->requests, jid)) change_request_gone(c, jid);
}

static void befriend_finish(struct turn *turn, struct account *a, struct change *c, int err) {
    const struct admin_change *d = c->data;
    if (!err) err = d->err;
    if (!err) roster_push(turn, a, jid_str(d->contact));
    d->done(turn, d->arg, err);
}

void account_befriend(struct turn *turn, struct account *a, struct jid contact, account_done done, void *arg) {
    if (a->id == 0) {
        done(turn, arg, ERR_NOT_FOUND);
        return;
    }
    struct change *c = admin_change(befriend_decide, befriend_finish, done, arg);
    ((struct admin_change *)c->data)->contact = jid_bare(jid_dup(c->arena, contact));
    change_start(turn, a, c);
}
