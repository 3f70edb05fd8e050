/*
 * pubsub.c: the life of a request, and who may do what. On the account's home; `run` and what operations call on a worker. What must hold: a request
 * is answered once, after the commit of what it did; nobody is told before that.
 */
#include "im/pubsub.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "im/avatar.h"
#include "im/displayed.h"
#include "im/iq.h"
#include "im/session.h"
#include "store/roster.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum {
    REQUEST_BYTES = 33 << 10, /* what one holds in memory at least: its arena's block */
    CONTACTS_PER_STANZA = 16, /* told of news: costs like a presence */
    MARK_COST = 2,            /* a read mark that moves is a change of its own */
    FREE_BYTES = 8192,        /* of an answer; what is beyond costs like stanzas of that size */
};

/* --- judging --- */

int pubsub_refuse(struct pubsub_request *r, enum stanza_error error, const char *condition) {
    r->refusal = error;
    r->condition = str_c(condition);
    return 0;
}

int pubsub_unsupported(struct pubsub_request *r, const char *feature) {
    r->feature = str_c(feature);
    return pubsub_refuse(r, STANZA_ERR_FEATURE_NOT_IMPLEMENTED, "unsupported");
}

bool pubsub_shares_group(struct str groups, struct str allowed) {
    while (str_some(allowed)) {
        struct str one = str_first(allowed, str_index(allowed, '\n'));
        allowed = str_from(allowed, one.len + 1);
        for (struct str left = groups; str_some(left);) {
            struct str group = str_first(left, str_index(left, '\n'));
            if (str_eq(group, one)) return true;
            left = str_from(left, group.len + 1);
        }
    }
    return false;
}

enum stanza_error pubsub_judge(const struct pubsub_asker *asker, const struct pubsub_config *config,
                               const struct person_row *person, const char **out_condition) {
    static const struct {
        enum stanza_error error;
        const char *condition;
    } closed[] = {
        [PUBSUB_OPEN] = {STANZA_ERR_NONE, NULL},
        [PUBSUB_PRESENCE] = {STANZA_ERR_NOT_AUTHORIZED, "presence-subscription-required"},
        [PUBSUB_ROSTER] = {STANZA_ERR_NOT_AUTHORIZED, "not-in-roster-group"},
        [PUBSUB_AUTHORIZE] = {STANZA_ERR_NOT_AUTHORIZED, "not-subscribed"},
        [PUBSUB_WHITELIST] = {STANZA_ERR_NOT_ALLOWED, "closed-node"},
    };
    const bool open[] = {
        [PUBSUB_OPEN] = true,
        [PUBSUB_PRESENCE] = asker->sees,
        [PUBSUB_ROSTER] = pubsub_shares_group(asker->groups, config->groups),
        [PUBSUB_AUTHORIZE] = person->subscription == PUBSUB_SUBSCRIBED,
        [PUBSUB_WHITELIST] = false,
    };
    *out_condition = NULL;
    if (asker->is_owner) return STANZA_ERR_NONE;
    if (person->affiliation == PUBSUB_OUTCAST || person->affiliation == PUBSUB_PUBLISH_ONLY)
        return STANZA_ERR_FORBIDDEN;
    if (person->affiliation != PUBSUB_NONE || open[config->access]) return STANZA_ERR_NONE;
    /* That a private thing is there is nobody's business either. */
    if (config->access == PUBSUB_WHITELIST && !asker->sees) return STANZA_ERR_ITEM_NOT_FOUND;
    *out_condition = closed[config->access].condition;
    return closed[config->access].error;
}

bool pubsub_may_read(struct pubsub_request *r, const struct node_row *node, const struct person_row *person) {
    const char *condition;
    enum stanza_error error = pubsub_judge(&r->asker, &node->config, person, &condition);
    if (error) pubsub_refuse(r, error, condition);
    return !error;
}

bool pubsub_may_publish(const struct pubsub_asker *asker, const struct pubsub_config *config,
                        const struct person_row *person) {
    if (asker->is_owner) return true;
    switch (person->affiliation) {
    case PUBSUB_OUTCAST:
        return false;
    case PUBSUB_OWNER:
    case PUBSUB_PUBLISHER:
    case PUBSUB_PUBLISH_ONLY:
        return true;
    default:
        return config->publish == PUBSUB_BY_ALL ||
               (config->publish == PUBSUB_BY_SUBSCRIBERS && person->subscription == PUBSUB_SUBSCRIBED);
    }
}

int pubsub_person(struct db *db, const struct pubsub_request *r, const struct node_row *node, struct person_row *out) {
    struct person_row full = {0};
    *out = (struct person_row){.jid = jid_bare_str(r->asker.jid)};
    if (r->asker.is_owner) return 0;
    int err = people_find(db, node->id, jid_bare_str(r->asker.jid), out);
    if (!err && !jid_is_bare(r->asker.jid)) err = people_find(db, node->id, jid_str(r->asker.jid), &full);
    if (full.subscription > out->subscription) out->subscription = full.subscription;
    return err;
}

enum { NAME_MAX = 1023 };

int pubsub_node(struct db *db, struct pubsub_request *r, const struct xml_node *el, struct node_row *out) {
    struct str name = xml_attr(el, STR("node"));
    if (!str_some(name)) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, "nodeid-required");
    if (name.len > NAME_MAX) return pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, NULL);
    int err = nodes_find(db, r->arena, r->owner, name, out);
    return err == ERR_NOT_FOUND ? pubsub_refuse(r, STANZA_ERR_ITEM_NOT_FOUND, NULL) : err;
}

int64_t pubsub_items_max(const struct pubsub_request *r, const struct pubsub_config *config) {
    return config->max_items && config->max_items < r->limits.items ? config->max_items : r->limits.items;
}

/* --- what is written --- */

void pubsub_attr_write(struct buf *out, const char *name, struct str value) {
    buf_printf(out, " %s='", name);
    xml_escape_value(out, value);
    buf_add_char(out, '\'');
}

void pubsub_item_write(struct buf *out, struct str name, struct str xml) {
    BUF_ADD_LIT(out, "<item");
    pubsub_attr_write(out, "id", name);
    if (!str_some(xml)) {
        BUF_ADD_LIT(out, "/>");
        return;
    }
    buf_add_char(out, '>');
    buf_add_str(out, xml);
    BUF_ADD_LIT(out, "</item>");
}

struct xml_node *pubsub_item_tree(struct arena *arena, struct str xml) {
    return xml_parse_own(arena, arena_dup(arena, xml));
}

struct people {
    struct arena *arena;
    struct person_row *rows;
    uint32_t count, cap;
};

static bool people_add(void *arg, const struct person_row *row) {
    struct people *p = arg;
    if (p->count == p->cap) {
        struct person_row *old = p->rows;
        p->cap = p->cap ? p->cap * 2 : 8;
        p->rows = arena_alloc(p->arena, p->cap * sizeof *p->rows);
        if (p->count) memcpy(p->rows, old, p->count * sizeof *old);
    }
    p->rows[p->count] = *row;
    p->rows[p->count++].jid = arena_dup(p->arena, row->jid);
    return true;
}

int pubsub_news_add(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct buf *event) {
    if (!(node->config.flags & PUBSUB_DELIVERS)) return 0;
    struct people people = {.arena = r->arena};
    struct pubsub_news *news = ARENA_NEW(r->arena, struct pubsub_news), *last = r->last_news;
    int err = 0;
    if (last && str_eq(last->node, node->name)) {
        people.rows = last->people;
        people.count = last->people_count;
    } else {
        err = people_each(db, node->id, people_add, &people);
    }
    news->node = node->name;
    news->config = node->config;
    news->event = ARENA_CONCAT(r->arena, STR("<event xmlns='http://jabber.org/protocol/pubsub#event'>"), buf_str(event),
                               STR("</event>"));
    news->people = people.rows;
    news->people_count = people.count;
    if (last)
        last->next = news;
    else
        r->news = news;
    r->last_news = news;
    return err;
}

/* --- the job --- */

static int request_run(struct db *db, struct store_job *job) {
    struct pubsub_request *r = (struct pubsub_request *)job;
    r->refusal = STANZA_ERR_NONE;
    r->condition = r->feature = r->text = STR_NONE;
    r->news = r->last_news = NULL;
    r->displayed = NULL;
    r->avatar_changed = false;
    r->sends_last = JID_NONE;
    buf_clear(&r->answer);
    int err = r->op->run(db, r);
    if (err || r->refusal || !r->op->writes) return err;
    const struct xml_node *el = r->payload ? pubsub_action(r->payload) : NULL;
    return el ? avatar_written(db, r, xml_attr(el, STR("node")), str_eq(el->name, STR("publish"))) : 0;
}

static void request_refused(struct turn *turn, struct pubsub_request *r) {
    struct xml_node *detail = NULL;
    if (r->condition.p) detail = xml_new(turn->arena, NS_PUBSUB_ERRORS, r->condition);
    if (r->feature.p) xml_set(turn->arena, detail, STR("feature"), r->feature);
    iq_later_refuse_with(turn, &r->later, r->refusal, r->text, detail);
}

static void request_answer(struct turn *turn, struct pubsub_request *r) {
    if (r->job.result) {
        iq_later_failed(turn, &r->later, r->job.result);
    } else if (r->refusal) {
        request_refused(turn, r);
    } else if (r->op->answer) {
        r->op->answer(turn, r);
    } else if (buf_len(&r->answer)) {
        iq_later_answer_bytes(turn, &r->later, buf_str(&r->answer));
    } else {
        iq_later_answer(turn, &r->later, NULL);
    }
}

static void request_done(struct turn *turn, struct store_job *job) {
    struct pubsub_request *r = (struct pubsub_request *)job;
    struct account *a = r->account;
    struct session *asker = r->later ? iq_later_session(turn, r->later) : NULL;
    if (asker && asker->stream) stream_charge(asker->stream, (uint32_t)(buf_len(&r->answer) / FREE_BYTES));
    struct session *s = r->bytes ? session_at(a->im, r->session, r->session_gen) : NULL;
    if (s) session_discharge(s, r->bytes);
    bool is_done = !job->result && !r->refusal;
    uint32_t marks = is_done && a->id ? displayed_follow(turn, a, r->displayed) : 0;
    if (asker && asker->stream) stream_charge(asker->stream, marks * MARK_COST);
    for (const struct pubsub_news *news = r->news; asker && asker->stream && is_done && news; news = news->next)
        stream_charge(asker->stream, pubsub_is_private(news) ? 1 : a->contacts.count / CONTACTS_PER_STANZA);
    if (r->later) {
        request_answer(turn, r);
    } else if (r->op->answer) {
        r->op->answer(turn, r);
    } else if (job->result) {
        LOG(LOG_ERROR, "pubsub-failed", F_STR("account", account_bare(a)), F_ERR("error", job->result));
    }
    if (is_done && a->id && r->avatar_changed) avatar_changed(turn, a, r->avatar);
    for (const struct pubsub_news *news = r->news; is_done && a->id && news; news = news->next)
        pubsub_tell(turn, a, news);
    if (is_done && a->id && jid_some(r->sends_last) && str_some(r->last))
        pubsub_tell_one(turn, a, r->last, r->sends_last);
    buf_free(&r->answer);
    arena_free(&r->arena);
    free(r);
    account_job_end(turn, a);
}

struct pubsub_request *pubsub_new(struct turn *turn, struct account *a, const struct pubsub_op *op,
                                  const struct xml_node *payload) {
    const struct options *o = &a->im->server->options;
    struct pubsub_request *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->job.kind = op->writes ? STORE_WRITE : STORE_READ;
    r->job.slot = a->slot;
    r->job.run = request_run;
    r->job.done = request_done;
    r->account = a;
    r->op = op;
    r->arena = arena_new();
    if (payload) r->payload = xml_copy_deep(r->arena, payload);
    r->owner = a->id;
    r->id_key = a->im->server->id_key;
    r->now_us = turn->wall_us;
    r->asker = (struct pubsub_asker){account_jid(a), true, true, STR("")};
    r->limits = (struct pubsub_limits){o->pep_nodes, o->pep_items, o->pep_item_bytes, o->pep_bytes, o->pep_people};
    return r;
}

void pubsub_start(struct turn *turn, struct pubsub_request *r) {
    r->job.msg.bytes = (uint32_t)(REQUEST_BYTES + arena_used(r->arena));
    account_job_begin(r->account);
    store_submit(r->account->im->server->store, turn, &r->job);
}

void pubsub_submit(struct walk *walk, const struct pubsub_op *op) {
    struct account *a = walk->account;
    struct pubsub_request *r = pubsub_new(walk->turn, a, op, walk->stanza.payload);
    struct session *s = walk->session;
    r->later = iq_defer(walk);
    r->asker.jid = jid_dup(r->arena, walk->stanza.from);
    r->asker.is_owner = jid_bare_eq(walk->stanza.from, account_jid(a));
    if (!r->asker.is_owner) {
        const struct contact *c = account_contact(a, jid_bare_str(walk->stanza.from));
        r->asker.sees = c && (c->flags & ROSTER_FROM);
        r->asker.groups = c ? arena_dup(r->arena, contact_groups(c)) : STR("");
    }
    if (s && op->writes) {
        r->session = s->index;
        r->session_gen = s->generation;
        r->bytes = (uint32_t)(REQUEST_BYTES + arena_used(r->arena));
        session_charge(s, r->bytes);
    }
    pubsub_start(walk->turn, r);
}
