/*
 * inbox.c: see inbox.h. On the account's home. What must hold: a mark takes a place in the account's order like a message, so that who asks for
 * what has changed since some place misses neither; nobody is told before the commit.
 */
#include "im/inbox.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "im/archive.h"
#include "im/session.h"
#include "xmpp/ns.h"

/* From the request to its place's turn. */
struct reading {
    struct store_job job;
    struct pending pending;
    struct account *account; /* a job of it: stays */
    int64_t account_id;
    int64_t sequence;
    uint32_t session, session_gen; /* who said it */
    struct inbox_state state;
    int result;
    inbox_read_done done;
    void *arg;
    uint16_t peer_len;
    char peer[];
};

static struct str reading_peer(const struct reading *r) {
    return str_of(r->peer, r->peer_len);
}

static void reading_tell(struct turn *turn, const struct reading *r) {
    struct account *a = r->account;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (!s->inbox || (s->index == r->session && s->generation == r->session_gen)) continue;
        struct xml_node *message = xml_new(turn->arena, NS_CLIENT, STR("message"));
        xml_set(turn->arena, message, STR("from"), account_bare(a));
        xml_append(message, inbox_read_element(turn, a, reading_peer(r), &r->state));
        session_send_node(turn, s, message);
    }
}

struct xml_node *inbox_read_element(struct turn *turn, const struct account *a, struct str peer,
                                    const struct inbox_state *state) {
    struct xml_node *read = xml_new(turn->arena, NS_INBOX, STR("read"));
    xml_set(turn->arena, read, STR("jid"), peer);
    xml_set(turn->arena, read, STR("id"), archive_id(turn, a, state->mark));
    if (state->unread >= 0)
        xml_set(turn->arena, read, STR("unread"), arena_printf(turn->arena, "%lld", (long long)state->unread));
    return read;
}

/* All before it in the account's order has been done. */
static void on_reading_turn(struct turn *turn, struct account *account, struct pending *pending) {
    struct reading *r = CONTAINER_OF(pending, struct reading, pending);
    struct session *s = r->session_gen ? session_at(account->im, r->session, r->session_gen) : NULL;
    if (s) session_discharge(s, r->job.msg.bytes);
    if (r->result == 0 && r->state.moved) reading_tell(turn, r);
    r->done(turn, r->arg, r->result, &r->state);
    free(r);
    account_job_end(turn, account);
}

/* Writer. */
static int reading_run(struct db *db, struct store_job *job) {
    struct reading *r = (struct reading *)job;
    return inbox_mark(db, r->account_id, reading_peer(r), r->sequence, r->pending.sequence, &r->state);
}

static void reading_done(struct turn *turn, struct store_job *job) {
    struct reading *r = (struct reading *)job;
    r->result = job->result ? job->result : r->state.is_there ? 0 : ERR_NOT_FOUND;
    if (job->result)
        LOG(LOG_ERROR, "mark-failed", F_STR("account", account_bare(r->account)), F_ERR("error", r->result));
    r->pending.done = true;
    account_settle(turn, r->account); /* frees it, in its turn */
}

void inbox_read(struct turn *turn, struct account *a, struct session *session, struct str peer, int64_t sequence,
                inbox_read_done done, void *arg) {
    struct reading *r = calloc(1, sizeof *r + peer.len);
    CHECK(r != NULL);
    r->job.kind = STORE_WRITE;
    r->job.slot = a->slot;
    r->job.run = reading_run;
    r->job.done = reading_done;
    r->job.msg.bytes = (uint32_t)(sizeof *r + peer.len);
    r->account = a;
    r->account_id = a->id;
    r->sequence = sequence;
    r->done = done;
    r->arg = arg;
    r->peer_len = (uint16_t)peer.len;
    memcpy(r->peer, peer.p, peer.len);
    if (session) {
        r->session = session->index;
        r->session_gen = session->generation;
        session_charge(session, r->job.msg.bytes);
    }
    r->pending.sequence = account_next_sequence(turn, a);
    r->pending.proceed = on_reading_turn;
    account_job_begin(a);
    account_queue(a, &r->pending);
    store_submit(a->im->server->store, turn, &r->job);
}
