/* pubsub_nodes.c: making, configuring, emptying, deleting and finding nodes. On a worker, inside the job of a request (im/pubsub.c). */
#include "im/pubsub_ops.h"

#include "base/err.h"
#include "xml/writer.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

#define NODE_CONFIG STR("http://jabber.org/protocol/pubsub#node_config")
#define META_DATA STR("http://jabber.org/protocol/pubsub#meta-data")

int pubsub_forbid(struct pubsub_request *r, const struct node_row *node, const struct person_row *person) {
    const char *condition;
    bool hidden = pubsub_judge(&r->asker, &node->config, person, &condition) == STANZA_ERR_ITEM_NOT_FOUND;
    return pubsub_refuse(r, hidden ? STANZA_ERR_ITEM_NOT_FOUND : STANZA_ERR_FORBIDDEN, NULL);
}

static bool item_take(void *arg, const struct item_row *row) {
    pubsub_item_write(arg, row->name, row->xml);
    return true;
}

int pubsub_last_item(struct db *db, struct pubsub_request *r, const struct node_row *node, struct str *out) {
    struct buf item = BUF_INIT, event = BUF_INIT;
    int err = items_each(db, &(struct items_query){.node = node->id, .max = 1, .backwards = true}, item_take, &item);
    if (buf_len(&item)) {
        BUF_ADD_LIT(&event, "<event xmlns='http://jabber.org/protocol/pubsub#event'><items");
        pubsub_attr_write(&event, "node", node->name);
        buf_add_char(&event, '>');
        buf_add_str(&event, buf_str(&item));
        BUF_ADD_LIT(&event, "</items></event>");
    }
    *out = arena_dup(r->arena, buf_str(&event));
    buf_free(&item);
    buf_free(&event);
    return err;
}

/* --- making and configuring --- */

/* The form inside <configure/>, over *config. False: refused. */
static bool form_take(struct pubsub_request *r, const struct xml_node *configure, struct pubsub_config *config) {
    const struct xml_node *form = configure ? xml_child(configure, NS_DATA, STR("x")) : NULL;
    if (form && pubsub_config_read(r->arena, form, config)) {
        pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, NULL);
        return false;
    }
    return true;
}

int pubsub_create(struct db *db, struct pubsub_request *r) {
    struct str name = xml_attr(xml_child(r->payload, NS_PUBSUB, STR("create")), STR("node"));
    int64_t id;
    if (!r->asker.is_owner) return pubsub_refuse(r, STANZA_ERR_FORBIDDEN, NULL);
    if (!str_some(name)) return pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, "nodeid-required");
    if (name.len > 1023) return pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, NULL);
    struct pubsub_config config = pubsub_config_default(name);
    if (!form_take(r, xml_child(r->payload, NS_PUBSUB, STR("configure")), &config)) return 0;
    struct node_row old;
    int err = nodes_find(db, r->arena, r->owner, name, &old);
    if (!err) return pubsub_refuse(r, STANZA_ERR_CONFLICT, NULL);
    if (err == ERR_NOT_FOUND) err = nodes_create(db, r->owner, name, &config, r->limits.nodes, &id);
    if (err == ERR_LIMIT) {
        r->text = STR("There are too many nodes.");
        return pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
    }
    return err;
}

/* The owner's own node that a request is about. */
static int own_node(struct db *db, struct pubsub_request *r, struct str name, struct node_row *out) {
    if (!r->asker.is_owner) return pubsub_refuse(r, STANZA_ERR_FORBIDDEN, NULL);
    return pubsub_node(db, r, xml_child(r->payload, NS_PUBSUB_OWNER, name), out);
}

static void config_write(struct pubsub_request *r, struct str name, struct str node, struct xml_node *form) {
    struct xml_node *pubsub = xml_new(r->arena, NS_PUBSUB_OWNER, STR("pubsub"));
    struct xml_node *el = xml_add(r->arena, pubsub, STR_NONE, name);
    if (node.p) xml_set(r->arena, el, STR("node"), node);
    xml_append(el, form);
    xml_write(&r->answer, pubsub, STR_NONE, false);
}

int pubsub_configure_get(struct db *db, struct pubsub_request *r) {
    struct node_row node;
    int err = own_node(db, r, STR("configure"), &node);
    if (err || r->refusal) return err;
    config_write(r, STR("configure"), node.name, pubsub_config_form(r->arena, STR("form"), NODE_CONFIG, &node.config));
    return 0;
}

int pubsub_default(struct db *db, struct pubsub_request *r) {
    struct str node = xml_attr(xml_child(r->payload, NS_PUBSUB_OWNER, STR("default")), STR("node"));
    struct pubsub_config config = pubsub_config_default(node);
    (void)db;
    if (!r->asker.is_owner) return pubsub_refuse(r, STANZA_ERR_FORBIDDEN, NULL);
    config_write(r, STR("default"), node, pubsub_config_form(r->arena, STR("form"), NODE_CONFIG, &config));
    return 0;
}

/* What the new configuration has no room for goes. */
static int reconfigure(struct db *db, struct pubsub_request *r, const struct node_row *node) {
    int err = nodes_configure(db, node->id, &node->config);
    if (err) return err;
    if (!(node->config.flags & PUBSUB_PERSISTS)) return items_purge(db, node->id);
    return items_trim(db, node->id, pubsub_items_max(r, &node->config));
}

int pubsub_configure_set(struct db *db, struct pubsub_request *r) {
    struct node_row node;
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB_OWNER, STR("configure"));
    int err = own_node(db, r, STR("configure"), &node);
    if (err || r->refusal) return err;
    const struct xml_node *form = xml_child(el, NS_DATA, STR("x"));
    if (!form) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, NULL);
    if (str_eq(xml_attr(form, STR("type")), STR("cancel")) || !form_take(r, el, &node.config)) return 0;
    err = reconfigure(db, r, &node);
    if (err || !(node.config.flags & PUBSUB_TELLS_CONFIG)) return err;
    struct xml_node *told = xml_new(r->arena, NS_PUBSUB_EVENT, STR("configuration"));
    xml_set(r->arena, told, STR("node"), node.name);
    xml_append(told, pubsub_config_form(r->arena, STR("result"), NODE_CONFIG, &node.config));
    struct buf event = BUF_INIT;
    xml_write(&event, told, NS_PUBSUB_EVENT, false);
    err = pubsub_news_add(db, r, &node, &event);
    buf_free(&event);
    return err;
}

/* --- emptying and deleting --- */

static int news_of(struct db *db, struct pubsub_request *r, const struct node_row *node, const char *what) {
    struct buf event = BUF_INIT;
    buf_printf(&event, "<%s", what);
    pubsub_attr_write(&event, "node", node->name);
    BUF_ADD_LIT(&event, "/>");
    int err = pubsub_news_add(db, r, node, &event);
    buf_free(&event);
    return err;
}

int pubsub_delete(struct db *db, struct pubsub_request *r) {
    struct node_row node;
    int err = own_node(db, r, STR("delete"), &node);
    if (err || r->refusal) return err;
    if (node.config.flags & PUBSUB_TELLS_DELETE) err = news_of(db, r, &node, "delete");
    return err ? err : nodes_remove(db, node.id);
}

int pubsub_purge(struct db *db, struct pubsub_request *r) {
    struct node_row node;
    int err = own_node(db, r, STR("purge"), &node);
    if (err || r->refusal) return err;
    if (!(node.config.flags & PUBSUB_PERSISTS)) return pubsub_unsupported(r, "persistent-items");
    err = items_purge(db, node.id);
    return err || !(node.config.flags & PUBSUB_TELLS_RETRACT) ? err : news_of(db, r, &node, "purge");
}

/* --- finding --- */

struct listing {
    struct db *db;
    struct pubsub_request *r;
    struct node_row *rows;
    uint32_t count, cap;
};

static bool listing_add(void *arg, const struct node_row *row) {
    struct listing *l = arg;
    if (l->count == l->cap) {
        struct node_row *old = l->rows;
        l->cap = l->cap ? l->cap * 2 : 16;
        l->rows = arena_alloc(l->r->arena, l->cap * sizeof *l->rows);
        if (l->count) memcpy(l->rows, old, l->count * sizeof *old);
    }
    l->rows[l->count++] = *row;
    return true;
}

static void disco_item_write(struct pubsub_request *r, const struct node_row *node) {
    BUF_ADD_LIT(&r->answer, "<item");
    pubsub_attr_write(&r->answer, "jid", str_c(r->account->bare)); /* never changes, and the account stays */
    pubsub_attr_write(&r->answer, "node", node->name);
    if (str_some(node->config.title)) pubsub_attr_write(&r->answer, "name", node->config.title);
    BUF_ADD_LIT(&r->answer, "/>");
}

static bool disco_id_write(void *arg, const struct item_row *row) {
    struct pubsub_request *r = arg;
    BUF_ADD_LIT(&r->answer, "<item");
    pubsub_attr_write(&r->answer, "jid", str_c(r->account->bare));
    pubsub_attr_write(&r->answer, "name", row->name);
    BUF_ADD_LIT(&r->answer, "/>");
    return buf_len(&r->answer) < (1 << 20);
}

/* The items of a node, as XEP-0060 5.5 has it. */
static int disco_ids(struct db *db, struct pubsub_request *r) {
    struct node_row node;
    struct person_row person;
    int err = pubsub_node(db, r, r->payload, &node);
    if (!err && !r->refusal) err = pubsub_person(db, r, &node, &person);
    if (err || r->refusal || !pubsub_may_read(r, &node, &person)) return err;
    BUF_ADD_LIT(&r->answer, "<query xmlns='http://jabber.org/protocol/disco#items'");
    pubsub_attr_write(&r->answer, "node", node.name);
    buf_add_char(&r->answer, '>');
    err = items_each(db, &(struct items_query){.node = node.id, .max = UINT32_MAX}, disco_id_write, r);
    BUF_ADD_LIT(&r->answer, "</query>");
    return err;
}

/* To a stranger an account with nothing for it is like a name that does not exist. */
static int disco_end(struct pubsub_request *r, bool is_empty, int err) {
    if (err || r->asker.sees || !(is_empty || r->refusal)) return err;
    return pubsub_refuse(r, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
}

int pubsub_disco_items(struct db *db, struct pubsub_request *r) {
    if (xml_attr(r->payload, STR("node")).p) return disco_end(r, false, disco_ids(db, r));
    struct listing all = {.r = r};
    int err = nodes_each(db, r->arena, r->owner, listing_add, &all);
    BUF_ADD_LIT(&r->answer, "<query xmlns='http://jabber.org/protocol/disco#items'>");
    uint32_t shown = 0;
    for (uint32_t i = 0; !err && i < all.count; i++) {
        struct person_row person;
        const char *condition;
        err = pubsub_person(db, r, &all.rows[i], &person);
        if (pubsub_judge(&r->asker, &all.rows[i].config, &person, &condition)) continue;
        disco_item_write(r, &all.rows[i]);
        shown++;
    }
    BUF_ADD_LIT(&r->answer, "</query>");
    return disco_end(r, shown == 0, err);
}

static int disco_node(struct db *db, struct pubsub_request *r) {
    struct node_row node;
    struct person_row person;
    int err = pubsub_node(db, r, r->payload, &node);
    if (!err && !r->refusal) err = pubsub_person(db, r, &node, &person);
    if (err || r->refusal || !pubsub_may_read(r, &node, &person)) return err;
    struct xml_node *query = xml_new(r->arena, NS_DISCO_INFO, STR("query"));
    xml_set(r->arena, query, STR("node"), node.name);
    struct xml_node *identity = xml_add(r->arena, query, STR_NONE, STR("identity"));
    xml_set(r->arena, identity, STR("category"), STR("pubsub"));
    xml_set(r->arena, identity, STR("type"), STR("leaf"));
    xml_set(r->arena, xml_add(r->arena, query, STR_NONE, STR("feature")), STR("var"), NS_PUBSUB);
    xml_append(query, pubsub_config_form(r->arena, STR("result"), META_DATA, &node.config));
    xml_write(&r->answer, query, STR_NONE, false);
    return 0;
}

int pubsub_disco_info(struct db *db, struct pubsub_request *r) {
    return disco_end(r, false, disco_node(db, r));
}
