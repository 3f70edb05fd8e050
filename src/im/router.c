/*
 * router.c: the two chains of every stanza and the way between them. Each function runs on the home that its name tells: out on the
 * sender's, in on the recipient's. What must hold: a kept stanza's fate is told exactly once, after anything (an error) that tells
 * the sender more; whatever waits for the same recipient is not overtaken.
 */
#include "im/router.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "im/account.h"
#include "im/archive.h"
#include "im/copy.h"
#include "im/debt.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/presence.h"
#include "im/probe.h"
#include "im/pubsub.h"
#include "im/session.h"
#include "store/archive.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

/* --- the grid --- */

static struct str rooms_prefix(void) {
    return STR("groups.");
}

static bool is_rooms_domain(struct str domain, struct str ours) {
    return domain.len == rooms_prefix().len + ours.len && str_starts(domain, rooms_prefix()) && str_ends(domain, ours);
}

enum target router_target(const struct im *im, struct jid to, struct jid own) {
    if (!jid_some(to)) return TO_SELF;
    struct str domain = jid_domain(to);
    if (!str_eq(domain, server_domain(im))) {
        return is_rooms_domain(domain, server_domain(im)) ? TO_ROOM : TO_REMOTE;
    }
    if (to.local_len == 0) return TO_SERVER;
    if (!jid_is_bare(to)) return TO_FULL;
    return jid_some(own) && jid_bare_eq(to, own) ? TO_SELF : TO_ACCOUNT;
}

/* Runs one stage. DROP and WAIT end the walk; DONE ends the stage. */
static enum verdict walk_stage(struct walk *walk, enum stage stage) {
    const struct chain *chain = &grid_get()->chains[walk->direction][walk->stanza.kind][walk->target][stage];
    for (const struct hook *const *hook = chain->hooks; *hook; hook++) {
        enum verdict verdict = (*hook)->run(walk);
        if (verdict != PASS) return verdict;
    }
    return PASS;
}

static bool walk_stages(struct walk *walk, enum stage from, enum stage to, enum verdict *out_end) {
    for (enum stage stage = from; stage <= to; stage++) {
        enum verdict verdict = walk_stage(walk, stage);
        if (verdict == DROP || verdict == WAIT) {
            *out_end = verdict;
            return false;
        }
    }
    return true;
}

/* --- between homes --- */

static struct shard *router_post(struct turn *turn, struct msg_stanza *m, struct jid to) {
    struct shard *home = home_of(turn->shard->hub, jid_bare_str(to));
    m->msg.from = turn->shard->index;
    shard_post(home, &m->msg);
    return home;
}

/* Accounts, rooms and their service; nobody else is there yet. */
static bool router_reaches(struct turn *turn, struct jid to) {
    struct str domain = jid_domain(to), ours = server_domain(im_of(turn));
    return str_eq(domain, ours) ? to.local_len > 0 : is_rooms_domain(domain, ours);
}

void router_send_owed(struct turn *turn, struct str stanza, struct jid to, int64_t owed) {
    if (!router_reaches(turn, to)) return;
    struct msg_stanza *m = crossing_of_bytes(turn->arena, stanza, to);
    CHECK(m != NULL); /* we wrote it */
    m->owed = owed;
    router_post(turn, m, to);
}

void router_send_with(struct turn *turn, const struct xml_node *el, struct jid to, struct str child) {
    struct stanza stanza;
    if (!router_reaches(turn, to)) return;
    if (stanza_read(turn->arena, el, &stanza) == STANZA_ERR_NONE) {
        struct msg_stanza *m = crossing_new(&stanza, to);
        if (str_some(child)) crossing_add(m, child);
        router_post(turn, m, to);
    } else {
        LOG(LOG_WARN, "stanza-unsound", F_STR("to", jid_str(to)));
    }
}

void router_send(struct turn *turn, const struct xml_node *el, struct jid to) {
    router_send_with(turn, el, to, STR_NONE);
}

void router_send_kept(struct turn *turn, const struct xml_node *el, struct jid to, const struct origin *origin) {
    struct stanza stanza;
    CHECK(stanza_read(turn->arena, el, &stanza) == STANZA_ERR_NONE); /* we made it */
    struct msg_stanza *m = crossing_new(&stanza, to);
    m->kept = m->offline = true;
    m->row_flags = ARCHIVE_COUNTS;
    if (origin) m->origin = *origin;
    router_post(turn, m, to);
}

void router_answer(struct walk *walk, const struct xml_node *el) {
    if (walk->direction == OUT) {
        session_send_node(walk->turn, walk->session, el);
    } else {
        router_send(walk->turn, el, walk->stanza.from);
    }
}

enum verdict router_refuse(struct walk *walk, enum stanza_error error, struct str text) {
    const struct stanza *s = &walk->stanza;
    /* Never an error to an answer; an unwanted presence is dropped in silence unless it is directed or a request (RFC 6121 8). */
    if (stanza_is_answer(s)) return DROP;
    router_answer(walk, stanza_error_reply(walk->turn->arena, s, error, text));
    return DROP;
}

void router_forward(struct walk *walk) {
    struct turn *turn = walk->turn;
    struct jid to = jid_some(walk->stanza.to) ? walk->stanza.to : account_jid(walk->account);
    struct msg_stanza *m = crossing_new(&walk->stanza, to);
    struct pending *place = m->copied ? copy_place(walk, m->wire) : NULL;
    bool is_placed = walk->kept && walk->out_sequence;
    if (walk->kept) {
        walk->origin.flags |= ORIGIN_KEPT;
        if (is_placed) account_hold_place(walk->account, walk->out_sequence, place);
        if (!fault_is(FAULT_ACK_EARLY)) sm_await(walk->session, walk->origin.number);
        walk->origin.bytes = m->msg.bytes;
        session_charge(walk->session, m->msg.bytes);
    }
    m->origin = walk->origin;
    m->sender_account = walk->sender_account;
    m->out_sequence = walk->out_sequence;
    m->origin_hash = walk->origin_hash;
    m->about_hash = walk->about_hash;
    m->kept = walk->kept;
    m->offline = walk->offline;
    m->row_flags = walk->row_flags;
    m->passing = walk->passing;
    struct shard *home = router_post(turn, m, to);
    struct stream *stream = walk->session->stream;
    if (stream && shard_is_crowded(home, stream_is_modest(stream))) stream_crowd(stream);
    if (place && !is_placed) {
        place->done = true;
        account_queue(walk->account, place);
        account_settle(turn, walk->account);
    }
}

void router_decided(struct turn *turn, const struct origin *origin, struct jid sender, int64_t out_sequence,
                    enum fate fate) {
    if (!(origin->flags & ORIGIN_KEPT)) return;
    struct str bare = jid_bare_str(sender);
    struct msg_decided *m = msg_new(MSG_DECIDED, sizeof *m + bare.len, 0);
    m->origin = *origin;
    m->out_sequence = out_sequence;
    m->fate = fate;
    m->bare_len = (uint16_t)bare.len;
    memcpy(m->bare, bare.p, bare.len);
    m->msg.from = turn->shard->index;
    if (fault_is(FAULT_DECIDE_TWICE)) {
        struct msg_decided *again = msg_new(MSG_DECIDED, sizeof *m + bare.len, 0);
        memcpy(again, m, sizeof *m + bare.len);
        shard_post(turn->shard->hub->places[origin->shard], &again->msg);
    }
    shard_post(turn->shard->hub->places[origin->shard], &m->msg);
}

/* A refusal counts when its error is queued for the sender; and that may have to wait for what came in before it. */
struct refusal {
    struct pending pending;
    struct origin origin;
};

static void refusal_tell(struct turn *turn, const struct origin *origin) {
    struct session *s = session_at(im_of(turn), origin->session, origin->session_gen);
    if (!s) return;
    session_discharge(s, origin->bytes);
    session_decided(turn, s, origin->number);
}

static void on_refusal(struct turn *turn, struct account *account, struct pending *pending) {
    struct refusal *r = CONTAINER_OF(pending, struct refusal, pending);
    (void)account;
    refusal_tell(turn, &r->origin);
    free(r);
}

static void refusal_queue(struct account *account, const struct origin *origin) {
    struct refusal *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->pending.done = true;
    r->pending.proceed = on_refusal;
    r->origin = *origin;
    account_queue(account, &r->pending);
}

void router_on_decided(struct turn *turn, struct msg *msg) {
    struct msg_decided *m = (struct msg_decided *)msg;
    struct im *im = im_of(turn);
    struct account *a = account_find(im, str_of(m->bare, m->bare_len));
    if (a && m->fate == FATE_ARCHIVED) account_archived(a, m->out_sequence);
    if (a)
        account_free_place(turn, a, m->out_sequence,
                           (uint8_t)m->fate); /* it cannot have left while its message was pending */
    if (m->fate == FATE_REFUSED && a && !account_is_settled(a)) {
        refusal_queue(a, &m->origin);
    } else {
        refusal_tell(turn, &m->origin);
    }
    free(m);
}

/* --- out --- */

static void router_dispatch_out(struct walk *walk) {
    switch (walk->target) {
    case TO_SELF:
    case TO_SERVER:
        if (walk->stanza.kind == STANZA_IQ) {
            iq_dispatch(walk);
        } else if (walk->stanza.kind == STANZA_MESSAGE && walk->target == TO_SELF) {
            router_forward(walk);
        }
        break;
    case TO_ACCOUNT:
    case TO_FULL:
    case TO_ROOM:
        router_forward(walk);
        break;
    case TO_REMOTE:
        router_refuse(walk, STANZA_ERR_REMOTE_SERVER_NOT_FOUND, STR_NONE);
        break;
    }
}

void router_out(struct turn *turn, struct session *session, const struct stanza *stanza, uint32_t number) {
    struct account *account = session->account;
    uint32_t index = session->index, generation = session->generation;
    struct walk walk = {.turn = turn,
                        .im = account->im,
                        .direction = OUT,
                        .stanza = *stanza,
                        .account = account,
                        .session = session,
                        .sender_account = account->id,
                        .origin = session_origin(turn, session, number)};
    walk.target = router_target(walk.im, stanza->to, account_jid(account));
    enum verdict end = PASS;
    if (walk_stages(&walk, STAGE_CHECK, STAGE_AFTER, &end)) {
        router_dispatch_out(&walk);
        if (walk.origin.flags & ORIGIN_KEPT) return; /* told by MSG_DECIDED */
    }
    if (walk.origin.flags & ORIGIN_LATER) return;
    session = session_at(walk.im, index, generation); /* a handler may have ended it */
    if (session) session_decided(turn, session, number);
}

/* --- in --- */

/* What waits before DELIVER because something else waits for the same recipient. */
struct transit {
    struct pending pending;
    struct msg_stanza *msg;
};

void router_deliver(struct walk *walk) {
    enum verdict end = PASS;
    if (!walk_stages(walk, STAGE_DELIVER, STAGE_DELIVER, &end)) return;
    walk_stages(walk, STAGE_COPY, STAGE_AFTER, &end);
}

static void on_transit(struct turn *turn, struct account *account, struct pending *pending) {
    struct transit *t = CONTAINER_OF(pending, struct transit, pending);
    struct walk walk;
    shard_let_go(turn->shard, t->msg->msg.bytes);
    crossing_open(turn, t->msg, account, &walk);
    router_deliver(&walk);
    crossing_free(&t->msg);
    free(t);
}

/* RFC 6121 8.5.1: no such user. */
static void router_nobody(struct walk *walk) {
    const struct stanza *s = &walk->stanza;
    if (s->kind != STANZA_PRESENCE) {
        router_refuse(walk, feature_refusal_of_nobody(s), STR_NONE);
    } else if (s->type == PRESENCE_PROBE) {
        struct xml_node *el = xml_new(walk->turn->arena, NS_CLIENT, STR("presence"));
        xml_set(walk->turn->arena, el, STR("type"), STR("unsubscribed"));
        xml_set(walk->turn->arena, el, STR("from"), jid_bare_str(s->to));
        xml_set(walk->turn->arena, el, STR("to"), jid_str(s->from));
        router_send(walk->turn, el, s->from);
    }
}

struct debt_job {
    struct store_job job;
    int64_t owed;
    struct jid from, to;
    struct str stanza;
    char text[]; /* all three */
};

static int debt_run(struct db *db, struct store_job *job) {
    return owed_remove(db, ((struct debt_job *)job)->owed);
}

static void debt_done(struct turn *turn, struct store_job *job) {
    const struct debt_job *j = (const struct debt_job *)job;
    if (job->result && job->result != ERR_NOT_FOUND) debt_again(turn, j->owed, j->stanza, j->from, j->to);
    free(job);
}

static struct str debt_text(char **at, struct str s) {
    char *p = *at;
    memcpy(p, s.p, s.len);
    *at += s.len;
    return str_of(p, s.len);
}

/* A debt that needed no effect here. */
static void router_settle_debt(struct walk *walk) {
    struct str from = jid_bare_str(walk->stanza.from), to = jid_bare_str(walk->stanza.to),
               stanza = xml_string(walk->turn->arena, walk->stanza.el, STR_NONE);
    struct debt_job *j = calloc(1, sizeof *j + from.len + to.len + stanza.len);
    CHECK(j != NULL);
    char *at = j->text;
    j->from = jid_trusted(debt_text(&at, from));
    j->to = jid_trusted(debt_text(&at, to));
    j->stanza = debt_text(&at, stanza);
    j->job.kind = STORE_WRITE;
    j->job.slot = walk->account->slot;
    j->job.run = debt_run;
    j->job.done = debt_done;
    j->job.msg.bytes = sizeof *j;
    j->owed = walk->owed;
    store_submit(walk->im->server->store, walk->turn, &j->job);
}

/* The walk did not reach the store: its fate is known now. */
static void router_settle_in(struct walk *walk) {
    router_decided(walk->turn, &walk->origin, walk->stanza.from, walk->out_sequence, FATE_REFUSED);
    if (walk->owed) router_settle_debt(walk);
}

/* False: somebody else has m now. */
static bool router_in(struct walk *walk, struct msg_stanza *m) {
    if (walk->account
            ->failed) { /* not known whether there is such an account: nothing is decided, a debt stays and is replayed */
        if (walk->owed)
            debt_again(walk->turn, walk->owed, xml_string(walk->turn->arena, walk->stanza.el, STR_NONE),
                       walk->stanza.from, walk->stanza.to);
        walk->owed = 0;
        if (walk->stanza.kind != STANZA_PRESENCE)
            router_refuse(walk, STANZA_ERR_RESOURCE_CONSTRAINT, STR("Try again later."));
        router_settle_in(walk);
        return true;
    }
    if (walk->account->id == 0) {
        router_nobody(walk);
        router_settle_in(walk);
        return true;
    }
    enum verdict end = PASS;
    if (!walk_stages(walk, STAGE_CHECK, STAGE_ARCHIVE, &end)) {
        if (end == DROP) router_settle_in(walk);
        return end != WAIT;
    }
    router_settle_in(walk); /* kept by nobody after all */
    bool is_answered_now = walk->stanza.kind == STANZA_IQ && walk->target != TO_FULL;
    if (account_is_settled(walk->account) || is_answered_now) {
        router_deliver(walk);
        return true;
    }
    struct transit *t = calloc(1, sizeof *t);
    CHECK(t != NULL);
    t->pending.done = true;
    t->pending.proceed = on_transit;
    t->msg = m;
    t->msg->kept = false;
    shard_hold(walk->turn->shard, m->msg.bytes);
    account_queue(walk->account, &t->pending);
    return false;
}

/* No account is concerned: the room (features/muc) decides alone. */
static void router_to_room(struct turn *turn, struct msg_stanza *m) {
    struct walk walk;
    crossing_open(turn, m, NULL, &walk);
    if (walk_stage(&walk, STAGE_DELIVER) != WAIT) crossing_free(&m);
}

void router_on_stanza(struct turn *turn, struct msg *msg) {
    struct msg_stanza *m = (struct msg_stanza *)msg;
    if (is_rooms_domain(jid_domain(jid_trusted(crossing_to(m))), server_domain(im_of(turn)))) {
        router_to_room(turn, m);
        return;
    }
    struct account *account = account_need(turn, jid_bare_str(jid_trusted(crossing_to(m))), msg);
    if (!account) return; /* parked */
    struct walk walk;
    crossing_open(turn, m, account, &walk);
    if (router_in(&walk, m)) crossing_free(&m);
}

/* --- fan-out --- */

void fan_begin(struct fan *fan, struct turn *turn, enum fan_kind kind, struct jid from, struct wire *wire) {
    *fan = (struct fan){.turn = turn, .kind = kind, .from = from, .wire = wire};
}

void fan_add(struct fan *fan, struct jid to) {
    struct hub *hub = fan->turn->shard->hub;
    if (!router_reaches(fan->turn, to)) return;
    struct str address = jid_str(to);
    uint16_t shard = home_of(hub, jid_bare_str(to))->index;
    uint16_t len = (uint16_t)address.len;
    buf_add(&fan->shards[shard].targets, &len, sizeof len);
    buf_add_str(&fan->shards[shard].targets, address);
    fan->shards[shard].count++;
}

bool fan_end(struct fan *fan) {
    struct hub *hub = fan->turn->shard->hub;
    bool is_crowded = false;
    struct str from = jid_str(fan->from);
    for (uint16_t i = 0; i < hub->shard_count; i++) {
        struct str targets = buf_str(&fan->shards[i].targets);
        if (fan->shards[i].count == 0) continue;
        size_t head = from.len + fan->about.len;
        struct msg_fan *m = msg_new(MSG_FAN, sizeof *m + head + targets.len, 0);
        m->kind = fan->kind;
        m->wire = fan->wire ? wire_ref(fan->wire) : NULL;
        m->from_len = (uint16_t)from.len;
        m->target_count = fan->shards[i].count;
        m->about_len = (uint16_t)fan->about.len;
        m->text_len = (uint32_t)(head + targets.len);
        memcpy(m->text, from.p, from.len);
        if (fan->about.len) memcpy(m->text + from.len, fan->about.p, fan->about.len);
        memcpy(m->text + head, targets.p, targets.len);
        m->msg.from = fan->turn->shard->index;
        buf_free(&fan->shards[i].targets);
        shard_post(hub->places[i], &m->msg);
        if (shard_is_crowded(hub->places[i], false)) is_crowded = true;
    }
    return is_crowded;
}

/* Here and now: what follows it from the same sender stands behind the fan. */
static void fan_stanza(struct turn *turn, const struct wire *wire, struct str to) {
    struct buf bytes = BUF_INIT;
    wire_write(wire, to, &bytes);
    struct msg_stanza *m = crossing_of_bytes(turn->arena, buf_str(&bytes), jid_trusted(to));
    buf_free(&bytes);
    CHECK(m != NULL); /* we wrote it */
    m->msg.from = turn->shard->index;
    router_on_stanza(turn, &m->msg);
}

/* away: takes those who are asked and not in memory. */
static void fan_target(struct turn *turn, const struct msg_fan *m, struct jid from, struct str bare, struct buf *away) {
    if (m->kind == FAN_TAKEN_BACK) {
        fan_stanza(turn, m->wire, bare);
        return;
    }
    struct account *a = account_find(im_of(turn), bare);
    if (m->kind == FAN_NEWS) {
        struct str about = str_of(m->text + m->from_len, m->about_len);
        if (a && a->state == ACCOUNT_READY) pubsub_arrived(turn, a, from, about, m->wire);
    } else if (m->kind != FAN_PROBE) {
        /* Who is not in memory has no sessions, and who is being loaded will ask. */
        if (a && a->state == ACCOUNT_READY) presence_arrived(turn, a, from, m->wire, m->kind == FAN_FAREWELL);
    } else if (a && a->state == ACCOUNT_READY && a->id) {
        presence_probed(turn, a, from);
    } else if (!a) {
        buf_add_str(away, bare);
        buf_add_char(away, '\n');
    } else {
        struct xml_node *probe = xml_new(turn->arena, NS_CLIENT, STR("presence"));
        xml_set(turn->arena, probe, STR("type"), STR("probe"));
        xml_set(turn->arena, probe, STR("from"), jid_str(from));
        router_send(turn, xml_set(turn->arena, probe, STR("to"), bare), jid_trusted(bare));
    }
}

void router_on_fan(struct turn *turn, struct msg *msg) {
    struct msg_fan *m = (struct msg_fan *)msg;
    struct jid from = jid_trusted(str_of(m->text, m->from_len));
    struct buf away = BUF_INIT;
    for (; m->target_count > 0; m->target_count--) {
        if (turn_is_long(turn)) {
            probe_away(turn, from, buf_str(&away));
            buf_free(&away);
            shard_hold(turn->shard, msg->bytes);
            shard_again(turn->shard, msg, &msg->next);
            return;
        }
        const char *at = m->text + m->from_len + m->about_len + m->done_len;
        uint16_t len;
        memcpy(&len, at, sizeof len);
        struct arena_mark mark = arena_mark(turn->arena);
        fan_target(turn, m, from, str_of(at + sizeof len, len), &away);
        arena_release(turn->arena, mark);
        m->done_len += (uint32_t)sizeof len + len;
    }
    probe_away(turn, from, buf_str(&away));
    buf_free(&away);
    wire_unref(&m->wire);
    free(m);
}
