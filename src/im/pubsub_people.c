/*
 * pubsub_people.c: who subscribes to a node, and who is what to it. On a worker, inside the job of a request (im/pubsub.c). Affiliations are of
 * bare addresses, subscriptions of the address that was given. What must hold: the account itself is the owner, and nobody else.
 */
#include "im/pubsub_ops.h"

#include "base/err.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static void subscription_write(struct buf *out, struct str node, struct str jid, int64_t subscription) {
    BUF_ADD_LIT(out, "<subscription");
    if (node.p) pubsub_attr_write(out, "node", node);
    pubsub_attr_write(out, "jid", jid);
    pubsub_attr_write(out, "subscription", pubsub_subscription_name(subscription));
    BUF_ADD_LIT(out, "/>");
}

/* The address in `el`, which must be the asker's own, bare or full. */
static bool own_jid(struct pubsub_request *r, const struct xml_node *el, struct str *out) {
    struct jid jid;
    struct str text = xml_attr(el, STR("jid"));
    bool is_own = text.p && !jid_parse(r->arena, text, &jid) && jid_bare_eq(jid, r->asker.jid);
    if (is_own)
        *out = jid_str(jid);
    else
        pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, text.p ? "invalid-jid" : "jid-required");
    return is_own;
}

static int people_full(struct pubsub_request *r, int err) {
    return err == ERR_LIMIT ? pubsub_refuse(r, STANZA_ERR_POLICY_VIOLATION, "too-many-subscriptions") : err;
}

int pubsub_subscribe(struct db *db, struct pubsub_request *r) {
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB, STR("subscribe"));
    struct node_row node;
    struct person_row person, row;
    struct str jid;
    if (!own_jid(r, el, &jid)) return 0;
    int err = pubsub_node(db, r, el, &node);
    if (!err && !r->refusal) err = pubsub_person(db, r, &node, &person);
    if (!err && !r->refusal) err = people_find(db, node.id, jid, &row);
    if (err || r->refusal) return err;
    bool asks = node.config.access == PUBSUB_AUTHORIZE && person.affiliation == PUBSUB_NONE && !r->asker.is_owner;
    if (asks && row.subscription == PUBSUB_PENDING)
        return pubsub_refuse(r, STANZA_ERR_NOT_AUTHORIZED, "pending-subscription");
    if (!asks && !pubsub_may_read(r, &node, &person)) return 0;
    if (row.subscription != PUBSUB_SUBSCRIBED) {
        row.subscription = asks ? PUBSUB_PENDING : PUBSUB_SUBSCRIBED;
        row.jid = jid;
        err = people_full(r, people_put(db, node.id, &row, r->limits.people));
        if (err || r->refusal) return err;
    }
    BUF_ADD_LIT(&r->answer, "<pubsub xmlns='http://jabber.org/protocol/pubsub'>");
    subscription_write(&r->answer, node.name, jid, row.subscription);
    BUF_ADD_LIT(&r->answer, "</pubsub>");
    if (row.subscription != PUBSUB_SUBSCRIBED || node.config.last == PUBSUB_LAST_NEVER) return 0;
    r->sends_last = jid_trusted(jid);
    return pubsub_last_item(db, r, &node, &r->last);
}

int pubsub_unsubscribe(struct db *db, struct pubsub_request *r) {
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB, STR("unsubscribe"));
    struct node_row node;
    struct person_row row;
    struct str jid;
    if (!own_jid(r, el, &jid)) return 0;
    int err = pubsub_node(db, r, el, &node);
    if (!err && !r->refusal) err = people_find(db, node.id, jid, &row);
    if (err || r->refusal) return err;
    if (!row.subscription && !r->asker.sees && !r->asker.is_owner)
        return pubsub_refuse(r, STANZA_ERR_ITEM_NOT_FOUND, NULL);
    if (!row.subscription) return pubsub_refuse(r, STANZA_ERR_UNEXPECTED_REQUEST, "not-subscribed");
    row.subscription = PUBSUB_UNSUBSCRIBED;
    return people_put(db, node.id, &row, r->limits.people);
}

/* --- what the asker has here --- */

struct own {
    struct pubsub_request *r;
    struct str node; /* only of that one; STR_NONE: all */
    uint32_t count;
};

static bool own_subscription(void *arg, struct str node, const struct person_row *row) {
    struct own *own = arg;
    if (!row->subscription || (own->node.p && !str_eq(own->node, node))) return true;
    subscription_write(&own->r->answer, node, row->jid, row->subscription);
    own->count++;
    return true;
}

static void affiliation_write(struct buf *out, const char *name, struct str value, int64_t affiliation) {
    BUF_ADD_LIT(out, "<affiliation");
    pubsub_attr_write(out, name, value);
    pubsub_attr_write(out, "affiliation", pubsub_affiliation_name(affiliation));
    BUF_ADD_LIT(out, "/>");
}

static bool own_affiliation(void *arg, struct str node, const struct person_row *row) {
    struct own *own = arg;
    if (!row->affiliation || (own->node.p && !str_eq(own->node, node))) return true;
    affiliation_write(&own->r->answer, "node", node, row->affiliation);
    own->count++;
    return true;
}

static bool own_node_affiliation(void *arg, const struct node_row *row) {
    struct own *own = arg;
    if (!own->node.p || str_eq(own->node, row->name))
        affiliation_write(&own->r->answer, "node", row->name, PUBSUB_OWNER);
    return true;
}

/* Who has nothing here and does not see its owner learns no more than of an account that is not there. */
static int own_end(struct pubsub_request *r, const struct own *own, int err) {
    BUF_ADD_LIT(&r->answer, "</pubsub>");
    if (!err && !own->count && !r->asker.sees) return pubsub_refuse(r, STANZA_ERR_ITEM_NOT_FOUND, NULL);
    return err;
}

int pubsub_subscriptions(struct db *db, struct pubsub_request *r) {
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB, STR("subscriptions"));
    struct own own = {.r = r, .node = xml_attr(el, STR("node"))};
    BUF_ADD_LIT(&r->answer, "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions>");
    int err = people_of(db, r->owner, jid_bare_str(r->asker.jid), own_subscription, &own);
    BUF_ADD_LIT(&r->answer, "</subscriptions>");
    return own_end(r, &own, err);
}

int pubsub_affiliations(struct db *db, struct pubsub_request *r) {
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB, STR("affiliations"));
    struct own own = {.r = r, .node = xml_attr(el, STR("node"))};
    BUF_ADD_LIT(&r->answer, "<pubsub xmlns='http://jabber.org/protocol/pubsub'><affiliations>");
    int err = r->asker.is_owner ? nodes_each(db, r->arena, r->owner, own_node_affiliation, &own)
                                : people_of(db, r->owner, jid_bare_str(r->asker.jid), own_affiliation, &own);
    BUF_ADD_LIT(&r->answer, "</affiliations>");
    return own_end(r, &own, err);
}

/* --- what the owner sees and says --- */

static int owners_node(struct db *db, struct pubsub_request *r, struct str list, struct node_row *out) {
    if (!r->asker.is_owner) return pubsub_refuse(r, STANZA_ERR_FORBIDDEN, NULL);
    return pubsub_node(db, r, xml_child(r->payload, NS_PUBSUB_OWNER, list), out);
}

static bool subscriber_write(void *arg, const struct person_row *row) {
    struct pubsub_request *r = arg;
    if (row->subscription) subscription_write(&r->answer, STR_NONE, row->jid, row->subscription);
    return true;
}

static bool affiliate_write(void *arg, const struct person_row *row) {
    struct pubsub_request *r = arg;
    if (row->affiliation) affiliation_write(&r->answer, "jid", row->jid, row->affiliation);
    return true;
}

static int people_write(struct db *db, struct pubsub_request *r, const char *list,
                        bool (*each)(void *arg, const struct person_row *row)) {
    struct node_row node;
    int err = owners_node(db, r, str_c(list), &node);
    if (err || r->refusal) return err;
    buf_printf(&r->answer, "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><%s", list);
    pubsub_attr_write(&r->answer, "node", node.name);
    buf_add_char(&r->answer, '>');
    if (each == affiliate_write) affiliation_write(&r->answer, "jid", jid_bare_str(r->asker.jid), PUBSUB_OWNER);
    err = people_each(db, node.id, each, r);
    buf_printf(&r->answer, "</%s></pubsub>", list);
    return err;
}

int pubsub_subscribers_get(struct db *db, struct pubsub_request *r) {
    return people_write(db, r, "subscriptions", subscriber_write);
}

int pubsub_affiliates_get(struct db *db, struct pubsub_request *r) {
    return people_write(db, r, "affiliations", affiliate_write);
}

/* One of the owner's lines. False: refused. */
static bool line_read(struct pubsub_request *r, const struct xml_node *el, bool of_affiliation,
                      struct person_row *out) {
    struct jid jid;
    struct str value = xml_attr(el, of_affiliation ? STR("affiliation") : STR("subscription"));
    if (jid_parse(r->arena, xml_attr(el, STR("jid")), &jid)) {
        pubsub_refuse(r, STANZA_ERR_JID_MALFORMED, NULL);
        return false;
    }
    out->jid = of_affiliation ? jid_bare_str(jid) : jid_str(jid);
    bool is_valid = of_affiliation
                        ? pubsub_affiliation_read(value, &out->affiliation) && out->affiliation != PUBSUB_OWNER
                        : pubsub_subscription_read(value, &out->subscription);
    if (jid_bare_eq(jid, r->asker.jid) && of_affiliation) is_valid = false;
    if (!is_valid) pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, NULL);
    return is_valid;
}

static int line_write(struct db *db, struct pubsub_request *r, const struct node_row *node, bool of_affiliation,
                      const struct person_row *line) {
    struct person_row row;
    int err = people_find(db, node->id, line->jid, &row);
    if (err) return err;
    if (of_affiliation)
        row.affiliation = line->affiliation;
    else
        row.subscription = line->subscription;
    return people_put(db, node->id, &row, r->limits.people);
}

/* All lines are read before the first is written; a list that is too long is refused by its own count. */
static int people_set(struct db *db, struct pubsub_request *r, struct str list, struct str name, bool of_affiliation) {
    struct node_row node;
    const struct xml_node *first = xml_child(xml_child(r->payload, NS_PUBSUB_OWNER, list), NS_PUBSUB_OWNER, name);
    int64_t lines = 0, there = 0;
    int err = owners_node(db, r, list, &node);
    if (!err && !r->refusal) err = people_count(db, node.id, &there);
    if (err || r->refusal) return err;
    struct person_row line;
    for (const struct xml_node *el = first; el; el = xml_again(el), lines++)
        if (!line_read(r, el, of_affiliation, &line)) return 0;
    if (there + lines > r->limits.people) return pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
    for (const struct xml_node *el = first; el && !err; el = xml_again(el)) {
        line = (struct person_row){0};
        line_read(r, el, of_affiliation, &line);
        err = line_write(db, r, &node, of_affiliation, &line);
    }
    return err;
}

int pubsub_subscribers_set(struct db *db, struct pubsub_request *r) {
    return people_set(db, r, STR("subscriptions"), STR("subscription"), false);
}

int pubsub_affiliates_set(struct db *db, struct pubsub_request *r) {
    return people_set(db, r, STR("affiliations"), STR("affiliation"), true);
}
