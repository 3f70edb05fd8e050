/*
 * change.c: the steps of a change as a list: each knows how it is written and how it is done in memory. On the account's home; the job
 * itself on the store's writer. What must hold: memory changes after the commit and never without it.
 */
#include "im/change.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "im/debt.h"
#include "im/iq.h"
#include "im/prefs.h"
#include "im/router.h"
#include "im/session.h"
#include "store/accounts.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum step_kind { CONTACT, CONTACT_GONE, REQUEST, REQUEST_GONE, BLOCK, UNBLOCK, PREFS, OWE, SETTLE, DELETE_ACCOUNT };

struct change_step {
    struct change_step *next;
    enum step_kind kind;
    struct str jid, name, groups; /* of OWE: to; of REQUEST, OWE: name is the stanza */
    unsigned flags;
    const struct prefs_row *prefs;
    int64_t number; /* id of the debt; time of the deletion */
};

enum { CHANGE_BYTES = 33 << 10 }; /* what one holds in memory at least: its arena's block */

/* Goes to the store and back. */
struct change_job {
    struct store_job job;
    struct change *change;
    int64_t account, version;
    struct str bare;
};

struct change *change_new(change_decide decide, change_finish finish) {
    struct change *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->arena = arena_new();
    c->decide = decide;
    c->finish = finish;
    c->end = &c->first;
    return c;
}

static void change_free(struct change *c) {
    arena_free(&c->arena);
    free(c);
}

void change_drop(struct change **c) {
    change_free(*c);
    *c = NULL;
}

/* --- steps --- */

static struct change_step *step_add(struct change *c, enum step_kind kind, struct str jid) {
    struct change_step *step = ARENA_NEW(c->arena, struct change_step);
    step->kind = kind;
    if (jid.p) step->jid = arena_dup(c->arena, jid);
    *c->end = step;
    c->end = &step->next;
    return step;
}

void change_contact(struct change *c, struct str jid, struct str name, struct str groups, unsigned flags) {
    struct change_step *step = step_add(c, CONTACT, jid);
    step->name = arena_dup(c->arena, name);
    step->groups = arena_dup(c->arena, groups);
    step->flags = flags;
    c->pushes = true;
}

void change_contact_gone(struct change *c, struct str jid) {
    step_add(c, CONTACT_GONE, jid);
    c->pushes = true;
}

void change_request(struct change *c, struct str jid, struct str stanza) {
    step_add(c, REQUEST, jid)->name = arena_dup(c->arena, stanza);
}

void change_request_gone(struct change *c, struct str jid) {
    step_add(c, REQUEST_GONE, jid);
}

void change_block(struct change *c, struct str jid) {
    step_add(c, BLOCK, jid);
}

void change_unblock(struct change *c, struct str jid) {
    step_add(c, UNBLOCK, jid);
}

void change_owe(struct turn *turn, struct change *c, struct xml_node *el, struct jid to) {
    xml_set(turn->arena, el, STR("to"), jid_str(to));
    struct change_step *step = step_add(c, OWE, jid_str(to));
    step->name = arena_dup(c->arena, xml_string(turn->arena, el, STR_NONE));
    step->number = debt_number(turn);
}

void change_prefs(struct change *c, const struct prefs_row *prefs) {
    step_add(c, PREFS, STR_NONE)->prefs = prefs;
}

void change_settle(struct change *c, int64_t owed) {
    if (owed) step_add(c, SETTLE, STR_NONE)->number = owed;
}

void change_delete_account(struct change *c, int64_t now_us) {
    step_add(c, DELETE_ACCOUNT, STR_NONE)->number = now_us;
}

/* --- writing --- */

static int step_write(struct db *db, const struct change_job *job, const struct change_step *s) {
    switch (s->kind) {
    case CONTACT: {
        struct roster_row row = {s->jid, s->name, s->groups, s->flags};
        return roster_put(db, job->account, &row, job->version);
    }
    case CONTACT_GONE:
        return roster_remove(db, job->account, s->jid, job->version);
    case REQUEST:
        return requests_put(db, job->account, s->jid, s->name, s->number);
    case REQUEST_GONE:
        return requests_remove(db, job->account, s->jid);
    case BLOCK:
        return blocked_put(db, job->account, s->jid);
    case UNBLOCK:
        return blocked_remove(db, job->account, s->jid);
    case PREFS:
        return prefs_put(db, job->account, s->prefs);
    case OWE:
        return owed_put(db, s->number, job->bare, s->jid, s->name);
    case SETTLE:
        return owed_remove(db, s->number);
    case DELETE_ACCOUNT:
        return accounts_delete(db, job->account, s->number);
    }
    CHECK_UNREACHABLE("step kind");
}

/* Removing what is not there is no failure: the change is what counts. */
static int change_run(struct db *db, struct store_job *job) {
    const struct change_job *j = (struct change_job *)job;
    for (const struct change_step *s = j->change->first; s; s = s->next) {
        int err = step_write(db, j, s);
        if (err && err != ERR_NOT_FOUND) return err == ERR_EXISTS ? ERR_STORE : err;
    }
    return 0;
}

static void step_do(struct turn *turn, struct account *a, const struct change_step *s) {
    switch (s->kind) {
    case CONTACT:
        account_contact_set(a, s->jid, s->name, s->groups, s->flags);
        break;
    case CONTACT_GONE:
        account_contact_remove(a, s->jid);
        break;
    case REQUEST:
        account_request_set(a, s->jid, s->name);
        break;
    case REQUEST_GONE:
        account_request_remove(a, s->jid);
        break;
    case BLOCK:
        account_blocked_set(a, s->jid);
        break;
    case UNBLOCK:
        account_blocked_remove(a, s->jid);
        break;
    case PREFS:
        account_prefs_set(a, prefs_new(s->prefs));
        break;
    case OWE:
        router_send_owed(turn, s->name, jid_trusted(s->jid), s->number);
        break;
    case SETTLE:
    case DELETE_ACCOUNT:
        break;
    }
}

static void change_end(struct turn *turn, struct account *a, struct change *c, int err) {
    if (err == 0) {
        if (c->pushes) a->roster_version++;
        for (const struct change_step *s = c->first; s; s = s->next) step_do(turn, a, s);
    } else {
        LOG(LOG_ERROR, "change-failed", F_STR("account", account_bare(a)), F_ERR("error", err));
    }
    struct session *s = c->bytes ? session_at(a->im, c->session, c->session_gen) : NULL;
    if (s) session_discharge(s, c->bytes);
    account_job_begin(a); /* finish may end sessions; the account stays until its change is over */
    c->finish(turn, a, c, err);
    change_free(c);
    account_release(turn, a);
    account_job_end(turn, a);
}

static void change_done(struct turn *turn, struct store_job *job) {
    struct change_job *j = (struct change_job *)job;
    struct change *c = j->change;
    int err = job->result;
    free(j);
    struct account *a = c->account;
    change_end(turn, a, c, err);
    account_job_end(turn, a);
}

static void on_turn(struct turn *turn, struct account *a, struct exclusive *e) {
    struct change *c = CONTAINER_OF(e, struct change, exclusive);
    if (a->id) c->decide(turn, a, c);
    if (!c->first) {
        change_end(turn, a, c, 0);
        return;
    }
    struct change_job *j = calloc(1, sizeof *j);
    CHECK(j != NULL);
    j->job.kind = STORE_WRITE;
    j->job.slot = a->slot;
    j->job.run = change_run;
    j->job.done = change_done;
    j->job.msg.bytes = (uint32_t)(sizeof *j + arena_used(c->arena));
    j->change = c;
    j->account = a->id;
    j->version = a->roster_version + 1;
    j->bare = account_bare(a); /* the account stays: jobs > 0 */
    account_job_begin(a);
    store_submit(a->im->server->store, turn, &j->job);
}

void change_start(struct turn *turn, struct account *a, struct change *c) {
    struct session *s = c->later ? iq_later_session(turn, c->later) : NULL;
    if (s) {
        c->session = s->index;
        c->session_gen = s->generation;
        c->bytes = (uint32_t)(CHANGE_BYTES + arena_used(c->arena));
        session_charge(s, c->bytes);
    }
    c->account = a;
    c->exclusive.run = on_turn;
    account_exclusive(turn, a, &c->exclusive);
}
