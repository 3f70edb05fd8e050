/*
 * subscription.c: who may see whom (RFC 6121 section 3): the state machine of appendix A. A contact's state is its flags (TO, FROM, ASK) and
 * whether a request of it waits; two tables below say, for each kind of stanza and direction, when it is routed or delivered and
 * what becomes of the state. What one home owes the other is recorded with the change that caused it.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "im/change.h"
#include "im/debt.h"
#include "im/deliver.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/presence.h"
#include "im/roster.h"
#include "im/router.h"
#include "im/session.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum { REQUEST_STANZA_MAX = 8192 };

/* The state of one contact, with "pending in" as one more flag. */
enum { PENDING_IN = 1 << 8 };

struct rule {
    enum stanza_type type;
    unsigned if_any; /* passed on only if one of these is set; 0: always */
    unsigned unless; /* and none of these */
    unsigned clear, set;
};

/* Appendix A.2: what the user sends. A subscribe is always routed: it heals drift. */
static const struct rule outbound[] = {
    {PRESENCE_SUBSCRIBE, 0, 0, 0, ROSTER_ASK | ROSTER_LISTED},
    {PRESENCE_UNSUBSCRIBE, 0, 0, ROSTER_TO | ROSTER_ASK, 0},
    {PRESENCE_SUBSCRIBED, PENDING_IN, 0, PENDING_IN, ROSTER_FROM | ROSTER_LISTED},
    {PRESENCE_UNSUBSCRIBED, ROSTER_FROM | PENDING_IN, 0, ROSTER_FROM | PENDING_IN | ROSTER_APPROVED, 0},
};

/* Appendix A.3: what the user gets. */
static const struct rule inbound[] = {
    {PRESENCE_SUBSCRIBE, 0, ROSTER_FROM | PENDING_IN, 0, PENDING_IN},
    {PRESENCE_UNSUBSCRIBE, ROSTER_FROM | PENDING_IN, 0, ROSTER_FROM | PENDING_IN, 0},
    {PRESENCE_SUBSCRIBED, ROSTER_ASK, 0, ROSTER_ASK, ROSTER_TO},
    {PRESENCE_UNSUBSCRIBED, ROSTER_TO | ROSTER_ASK, 0, ROSTER_TO | ROSTER_ASK, 0},
};

static bool is_subscription(enum stanza_type type) {
    return type >= PRESENCE_SUBSCRIBE && type <= PRESENCE_UNSUBSCRIBED;
}

static const struct rule *rule_of(const struct rule *rules, enum stanza_type type) {
    while (rules->type != type) rules++; /* all four are in each table */
    return rules;
}

struct step {
    enum stanza_type type;
    enum direction direction;
    struct jid contact;            /* bare */
    struct str stanza;             /* IN: as it came */
    int64_t owed;                  /* IN: the debt that it settles */
    uint32_t session, session_gen; /* OUT: whose next stanzas wait */
    uint32_t number;               /* OUT: of the stanza there: it counts after the commit (promise 1) */
    struct pending *place;         /* IN: nothing overtakes it */
    bool pass;                     /* to be routed (OUT: done by the debt) or delivered (IN) */
    bool changed;                  /* the roster item */
    bool approve;                  /* IN: answered `subscribed` without asking */
    bool hidden;                   /* OUT: the contact was told that nobody is here */
    bool behind;                   /* IN: an older debt of the same two comes first */
    enum stanza_error refused;     /* OUT: nothing was done */
    unsigned before, after;
};

static unsigned state_of(const struct account *a, struct str contact) {
    const struct contact *c = account_contact(a, contact);
    return (c ? c->flags : 0u) | (map_get(&a->requests, contact) ? PENDING_IN : 0u);
}

/* --- deciding --- */

static void write_state(struct account *a, struct change *c, struct step *step, struct str request) {
    struct str jid = jid_str(step->contact);
    unsigned flags = step->after & 0xff;
    if ((step->before & PENDING_IN) && !(step->after & PENDING_IN)) change_request_gone(c, jid);
    if (!(step->before & PENDING_IN) && (step->after & PENDING_IN)) change_request(c, jid, request);
    step->changed = flags != (step->before & 0xff);
    if (!step->changed) return;
    const struct contact *old = account_contact(a, jid);
    if (flags == 0) {
        if (old) change_contact_gone(c, jid);
    } else {
        change_contact(c, jid, old ? contact_name(old) : STR_NONE, old ? contact_groups(old) : STR_NONE, flags);
    }
}

static struct xml_node *presence_from(struct turn *turn, const struct account *a, struct str type) {
    struct xml_node *el = xml_new(turn->arena, NS_CLIENT, STR("presence"));
    xml_set(turn->arena, el, STR("type"), type);
    return xml_set(turn->arena, el, STR("from"), account_bare(a));
}

static void decide_out(struct turn *turn, struct account *a, struct change *c) {
    struct step *step = c->data;
    const struct rule *rule = rule_of(outbound, step->type);
    step->before = state_of(a, jid_str(step->contact));
    step->pass = !rule->if_any || (step->before & rule->if_any);
    step->after = step->before;
    if (step->type == PRESENCE_SUBSCRIBE && (step->before & ROSTER_TO)) {
        step->after |= ROSTER_LISTED; /* routed, but nothing is asked anew */
    } else if (step->pass) {
        step->after = (step->before & ~rule->clear) | rule->set;
    } else if (step->type == PRESENCE_SUBSCRIBED && !(step->before & ROSTER_FROM)) {
        step->after |= ROSTER_APPROVED | ROSTER_LISTED; /* section 3.4: approved before it was asked */
    } else if (step->type == PRESENCE_UNSUBSCRIBED) {
        step->after &= ~(unsigned)ROSTER_APPROVED;
    }
    bool is_new = !account_contact(a, jid_str(step->contact));
    if (is_new && step->after != step->before && !account_has_room(a, jid_str(step->contact), STR_NONE, STR_NONE)) {
        step->pass = false;
        step->after = step->before;
        step->refused = STANZA_ERR_RESOURCE_CONSTRAINT;
        return;
    }
    write_state(a, c, step, STR_NONE);
    step->hidden = step->pass && (step->before & ROSTER_FROM) && !(step->after & ROSTER_FROM);
    if (step->hidden) presence_hide(turn, a, step->contact);
    if (step->pass) {
        struct xml_node *el = xml_parse_own(turn->arena, step->stanza);
        if (el) change_owe(turn, c, xml_copy_shallow(turn->arena, el), step->contact);
    }
}

static void decide_in(struct turn *turn, struct account *a, struct change *c) {
    struct step *step = c->data;
    if (step->owed && debt_is_behind(a->im, step->owed, step->contact, account_jid(a))) {
        step->behind = true;
        return;
    }
    const struct rule *rule = rule_of(inbound, step->type);
    step->before = state_of(a, jid_str(step->contact));
    step->pass = (!rule->if_any || (step->before & rule->if_any)) && !(step->before & rule->unless);
    step->after = step->pass ? (step->before & ~rule->clear) | rule->set : step->before;
    if (step->type == PRESENCE_SUBSCRIBE && (step->before & (ROSTER_FROM | ROSTER_APPROVED))) {
        step->pass = false;
        step->approve = true;
        step->after = (step->before | ROSTER_FROM) & ~(unsigned)(ROSTER_APPROVED | PENDING_IN);
    }
    bool too_many =
        (step->after & PENDING_IN) && !(step->before & PENDING_IN) &&
        (map_count(&a->requests) >= (uint32_t)a->im->server->options.requests || step->stanza.len > REQUEST_STANZA_MAX);
    if (too_many) {
        LOG(LOG_INFO, "request-dropped", F_STR("account", account_bare(a)), F_STR("from", jid_str(step->contact)));
        step->pass = false;
        step->after = step->before;
    }
    write_state(a, c, step, step->stanza);
    change_settle(c, step->owed);
    if (step->approve) change_owe(turn, c, presence_from(turn, a, STR("subscribed")), step->contact);
}

/* --- after the commit --- */

/* Nothing has changed, and who asked for it is told so. */
static void refuse_out(struct turn *turn, struct session *s, const struct step *step, enum stanza_error error) {
    struct xml_node *el = xml_parse_own(turn->arena, step->stanza);
    struct stanza stanza;
    if (!el || stanza_read(turn->arena, el, &stanza) != STANZA_ERR_NONE) return;
    session_send_node(turn, s, stanza_error_reply(turn->arena, &stanza, error, STR("Nothing was changed.")));
}

static void finish_out(struct turn *turn, struct account *a, struct change *c, int err) {
    struct step *step = c->data;
    if (!err && step->changed) roster_push(turn, a, jid_str(step->contact));
    struct session *s = session_at(a->im, step->session, step->session_gen);
    if (err) step->refused = iq_error_of(err);
    if (err && step->hidden) presence_show(turn, a, step->contact); /* it is still a contact */
    if (s && step->refused) refuse_out(turn, s, step, step->refused);
    if (!s) return;
    struct stream *held = s->stream; /* NULL: it broke meanwhile; who resumes waits for the decision */
    session_decided(turn, s, step->number);
    if (held) stream_release(turn, held);
}

static void deliver_step(struct turn *turn, struct account *a, const struct step *step) {
    struct xml_node *el = xml_parse_own(turn->arena, step->stanza);
    if (!el) return;
    struct wire *wire = wire_from(el);
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        bool is_for = session_is_available(s) || (s->interested && step->type != PRESENCE_SUBSCRIBE);
        if (is_for) session_send(turn, s, wire, 0);
    }
    wire_unref(&wire);
}

static void tell_in(struct turn *turn, struct account *a, const struct step *step) {
    if (step->pass) deliver_step(turn, a, step);
    if (step->changed) roster_push(turn, a, jid_str(step->contact));
    bool had = step->before & ROSTER_FROM, has = step->after & ROSTER_FROM;
    if (had && !has) presence_hide(turn, a, step->contact);
    /* Only now would this home let the contact's presence pass: it asks, rather than to be told too early. */
    if (!(step->before & ROSTER_TO) && (step->after & ROSTER_TO)) presence_ask_one(turn, a, step->contact);
}

static void finish_in(struct turn *turn, struct account *a, struct change *c, int err) {
    const struct step *step = c->data;
    if (step->owed && (err || step->behind)) {
        debt_again(turn, step->owed, step->stanza, step->contact, account_jid(a));
    } else if (!err) {
        if (step->owed) debt_settled(a->im);
        tell_in(turn, a, step);
    }
    step->place->done = true;
    account_settle(turn, a);
}

/* --- hooks --- */

static struct change *step_change(struct walk *walk, struct jid contact, change_decide decide, change_finish finish) {
    struct change *c = change_new(decide, finish);
    struct step *step = ARENA_NEW(c->arena, struct step);
    step->type = walk->stanza.type;
    step->direction = walk->direction;
    step->contact = jid_bare(jid_dup(c->arena, contact));
    step->owed = walk->owed;
    struct xml_node *el = xml_copy_shallow(walk->turn->arena, walk->stanza.el);
    xml_set(walk->turn->arena, el, STR("from"), jid_bare_str(walk->stanza.from)); /* section 3.1.2 */
    xml_set(walk->turn->arena, el, STR("to"), jid_bare_str(walk->stanza.to));
    step->stanza = arena_dup(c->arena, xml_string(walk->turn->arena, el, STR_NONE));
    c->data = step;
    return c;
}

static enum verdict on_out(struct walk *walk) {
    if (!is_subscription(walk->stanza.type)) return PASS;
    struct jid contact = jid_bare(walk->stanza.to);
    /* Without an address it is to oneself (RFC 6120 10.3), and nobody can subscribe to that. */
    if (!contact.p || jid_eq(contact, account_jid(walk->account))) return DROP;
    struct change *c = step_change(walk, contact, decide_out, finish_out);
    struct step *step = c->data;
    step->session = walk->session->index;
    step->session_gen = walk->session->generation;
    step->number = walk->origin.number;
    walk->origin.flags |= ORIGIN_LATER;
    sm_await(walk->session, step->number);
    stream_hold(walk->session->stream);
    change_start(walk->turn, walk->account, c);
    return DROP; /* goes its own way from here */
}

static enum verdict on_in(struct walk *walk) {
    if (!is_subscription(walk->stanza.type)) return PASS;
    unsigned state = state_of(walk->account, jid_bare_str(walk->stanza.from));
    if (walk->target == TO_FULL && walk->stanza.type == PRESENCE_UNSUBSCRIBED && !(state & (ROSTER_TO | ROSTER_ASK))) {
        return PASS; /* the answer to a probe of somebody who has no business to ask */
    }
    struct change *c = step_change(walk, walk->stanza.from, decide_in, finish_in);
    struct step *step = c->data;
    step->place = calloc(1, sizeof *step->place);
    CHECK(step->place != NULL);
    account_queue(walk->account, step->place);
    change_start(walk->turn, walk->account, c);
    walk->owed = 0; /* settled with the change */
    return DROP;
}

static const struct str subscription_disco[] = {STR_INIT("urn:xmpp:features:pre-approval"), {NULL, 0}};

static const struct hook subscription_hooks[] = {
    {OUT, STANZA_PRESENCE, TO(ACCOUNT) | TO(FULL) | TO(SELF), STAGE_CHECK, on_out, "subscription-out"},
    {IN, STANZA_PRESENCE, TO(ACCOUNT) | TO(FULL) | TO(SELF), STAGE_CHECK, on_in, "subscription-in"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_subscription = {
    .name = "subscription",
    .spec = "RFC 6121",
    .version = "2011",
    .text = "Asking, approving (also in advance), refusing and ending; requests wait with their whole content; nothing "
            "is lost by a crash.",
    .disco_account = subscription_disco,
    .hooks = subscription_hooks,
};
