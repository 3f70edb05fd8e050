/*
 * pubsub_items.c: publishing, retracting and reading items. Everything runs on a worker, inside the job of its request (im/pubsub.c). What must hold:
 * nothing is changed before everything has been looked at.
 */
#include "im/pubsub_ops.h"

#include "base/crypto.h"
#include "base/err.h"
#include "im/bookmarks.h"
#include "im/displayed.h"
#include "xml/writer.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"

enum {
    ID_MAX = 1023,
    /* Of items in one answer; what is beyond is asked for by pages. Somebody else's reading is charged to nobody. */
    OWN_BYTES = 1 << 20,
    OTHERS_BYTES = 256 << 10,
};

/* --- publishing --- */

struct item {
    struct str name, xml;
    const struct xml_node *payload; /* NULL: none */
};

struct publish {
    struct str node;
    struct node_row row; /* id 0: it is made */
    struct item *items;
    uint32_t count;
};

/* What publish-options ask for, over *config. */
static int options_read(struct pubsub_request *r, struct pubsub_config *config) {
    const struct xml_node *options = xml_child(r->payload, NS_PUBSUB, STR("publish-options"));
    const struct xml_node *form = options ? xml_child(options, NS_DATA, STR("x")) : NULL;
    if (!form) return 0;
    if (pubsub_config_read(r->arena, form, config))
        return pubsub_refuse(r, STANZA_ERR_CONFLICT, "precondition-not-met");
    return 0;
}

/* The node as it is, or would be made. */
static int publish_node(struct db *db, struct pubsub_request *r, struct publish *p) {
    int err = nodes_find(db, r->arena, r->owner, p->node, &p->row);
    if (err && err != ERR_NOT_FOUND) return err;
    if (err) {
        if (!r->asker.is_owner) return pubsub_refuse(r, STANZA_ERR_ITEM_NOT_FOUND, NULL);
        p->row = (struct node_row){.name = p->node, .config = pubsub_config_default(p->node)};
        return options_read(r, &p->row.config);
    }
    struct person_row person;
    struct pubsub_config wanted = p->row.config;
    err = pubsub_person(db, r, &p->row, &person);
    if (err) return err;
    if (!pubsub_may_publish(&r->asker, &p->row.config, &person)) return pubsub_forbid(r, &p->row, &person);
    options_read(r, &wanted);
    if (!r->refusal && !pubsub_config_eq(&wanted, &p->row.config))
        return pubsub_refuse(r, STANZA_ERR_CONFLICT, "precondition-not-met");
    return 0;
}

static int item_read(struct pubsub_request *r, const struct publish *p, const struct xml_node *el, struct item *out) {
    const struct pubsub_config *config = &p->row.config;
    const struct xml_node *payload = xml_first_element(el);
    int64_t max =
        config->payload_max && config->payload_max < r->limits.item_bytes ? config->payload_max : r->limits.item_bytes;
    out->name = xml_attr(el, STR("id"));
    out->xml = STR("");
    if (out->name.len > ID_MAX) return pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, NULL);
    if (!str_some(out->name)) {
        char id[23];
        random_id(id);
        out->name = arena_dup(r->arena, str_c(id));
    }
    if (payload && xml_next_element(payload)) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, "invalid-payload");
    if (!payload && (config->flags & (PUBSUB_PAYLOADS | PUBSUB_PERSISTS)))
        return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, "payload-required");
    out->payload = payload;
    if (payload) out->xml = xml_string(r->arena, payload, STR_NONE);
    if ((int64_t)out->xml.len > max) return pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, "payload-too-big");
    return 0;
}

static int items_read(struct pubsub_request *r, const struct xml_node *el, struct publish *p) {
    uint32_t count = 0;
    const struct xml_node *first = xml_child(el, NS_PUBSUB, STR("item"));
    bool keeps = p->row.config.flags & PUBSUB_PERSISTS;
    for (const struct xml_node *i = first; i; i = xml_again(i)) count++;
    if (count == 0 && keeps) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, "item-required");
    if (keeps && count > pubsub_items_max(r, &p->row.config))
        return pubsub_refuse(r, STANZA_ERR_NOT_ALLOWED, "max-items-exceeded");
    p->items = arena_alloc(r->arena, (count + 1) * sizeof *p->items);
    for (const struct xml_node *i = first; i && !r->refusal; i = xml_again(i))
        item_read(r, p, i, &p->items[p->count++]);
    return 0;
}

static int check_room(struct db *db, struct pubsub_request *r, struct publish *p) {
    int64_t used, more = 0;
    int err = nodes_bytes(db, r->owner, &used);
    for (uint32_t i = 0; !err && i < p->count; i++) {
        int64_t old;
        more += (int64_t)p->items[i].xml.len;
        int found = p->row.id ? items_size(db, p->row.id, p->items[i].name, &old) : ERR_NOT_FOUND;
        if (found == 0) more -= old;
        if (found && found != ERR_NOT_FOUND) err = found;
    }
    if (err || used + more <= r->limits.bytes || more <= 0) return err;
    r->text = STR("Too much is kept there already.");
    return pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, "node-full");
}

/* Read marks only move forward. */
static int drop_older_marks(struct db *db, struct pubsub_request *r, struct publish *p) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct item *item = &p->items[i];
        struct item_row row;
        int64_t new = displayed_sequence(r, item->payload);
        int err = new && p->row.id ? items_find(db, r->arena, p->row.id, item->name, &row) : ERR_NOT_FOUND;
        if (err && err != ERR_NOT_FOUND) return err;
        if (!err && displayed_sequence(r, pubsub_item_tree(r->arena, row.xml)) >= new) continue;
        if (new) displayed_note(r, item->name, new);
        p->items[kept++] = *item;
    }
    p->count = kept;
    return 0;
}

/* Made with its first item. */
static int node_make(struct db *db, struct pubsub_request *r, struct publish *p) {
    if (p->row.id) return 0;
    int err = nodes_create(db, r->owner, p->node, &p->row.config, r->limits.nodes, &p->row.id);
    if (!err) err = bookmarks_import(db, r, &p->row);
    if (err != ERR_LIMIT) return err;
    r->text = STR("There are too many nodes.");
    return pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
}

static void publish_event(const struct publish *p, struct buf *out) {
    bool with_payload = p->row.config.flags & PUBSUB_PAYLOADS;
    BUF_ADD_LIT(out, "<items");
    pubsub_attr_write(out, "node", p->node);
    buf_add_char(out, '>');
    for (uint32_t i = 0; i < p->count; i++)
        pubsub_item_write(out, p->items[i].name, with_payload ? p->items[i].xml : STR(""));
    BUF_ADD_LIT(out, "</items>");
}

static void publish_answer(const struct publish *p, struct buf *out) {
    BUF_ADD_LIT(out, "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish");
    pubsub_attr_write(out, "node", p->node);
    buf_add_char(out, '>');
    for (uint32_t i = 0; i < p->count; i++) pubsub_item_write(out, p->items[i].name, STR(""));
    BUF_ADD_LIT(out, "</publish></pubsub>");
}

static int publish_write(struct db *db, struct pubsub_request *r, struct publish *p) {
    int err = node_make(db, r, p);
    if (err || r->refusal) return err;
    int64_t max = pubsub_items_max(r, &p->row.config);
    bool keeps = p->row.config.flags & PUBSUB_PERSISTS;
    for (uint32_t i = 0; !err && keeps && i < p->count; i++)
        err = items_put(db, p->row.id, p->items[i].name, p->items[i].xml, r->now_us, max);
    return err;
}

int pubsub_publish(struct db *db, struct pubsub_request *r) {
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB, STR("publish"));
    struct publish p = {.node = xml_attr(el, STR("node"))};
    if (!str_some(p.node)) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, "nodeid-required");
    if (p.node.len > ID_MAX) return pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, NULL);
    int err = publish_node(db, r, &p);
    if (!err && !r->refusal) err = items_read(r, el, &p);
    if (!err && !r->refusal) publish_answer(&p, &r->answer);
    if (!err && !r->refusal && str_eq(p.node, DISPLAYED_NODE)) err = drop_older_marks(db, r, &p);
    if (!err && !r->refusal) err = check_room(db, r, &p);
    if (!err && !r->refusal) err = publish_write(db, r, &p);
    if (err || r->refusal) return err;
    if (p.count == 0 && str_eq(p.node, DISPLAYED_NODE)) return 0; /* nothing new */
    struct buf event = BUF_INIT;
    publish_event(&p, &event);
    err = pubsub_news_add(db, r, &p.row, &event);
    buf_free(&event);
    return err;
}

/* --- retracting --- */

/* Whoever may publish may take back, but for those who may do nothing else. */
static bool may_retract(const struct pubsub_request *r, const struct person_row *person) {
    return r->asker.is_owner || person->affiliation == PUBSUB_PUBLISHER || person->affiliation == PUBSUB_OWNER;
}

/* All of them, or none. */
static int retract_all(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct xml_node *el,
                       struct buf *event) {
    const struct xml_node *first = xml_child(el, NS_PUBSUB, STR("item"));
    if (!first) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, "item-required");
    for (const struct xml_node *i = first; i; i = xml_again(i)) {
        int64_t place;
        if (!str_some(xml_attr(i, STR("id")))) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, "item-required");
        int err = items_place(db, node->id, xml_attr(i, STR("id")), &place);
        if (err) return err == ERR_NOT_FOUND ? pubsub_refuse(r, STANZA_ERR_ITEM_NOT_FOUND, NULL) : err;
    }
    int err = 0;
    for (const struct xml_node *i = first; i && !err; i = xml_again(i)) {
        err = items_remove(db, node->id, xml_attr(i, STR("id")));
        if (err == ERR_NOT_FOUND) { /* named twice */
            err = 0;
            continue;
        }
        BUF_ADD_LIT(event, "<retract");
        pubsub_attr_write(event, "id", xml_attr(i, STR("id")));
        BUF_ADD_LIT(event, "/>");
    }
    return err;
}

int pubsub_retract(struct db *db, struct pubsub_request *r) {
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB, STR("retract"));
    struct node_row node;
    struct person_row person = {0};
    int err = pubsub_node(db, r, el, &node);
    if (!err && !r->refusal) err = pubsub_person(db, r, &node, &person);
    if (err || r->refusal) return err;
    if (!may_retract(r, &person)) return pubsub_forbid(r, &node, &person);
    if (!(node.config.flags & PUBSUB_PERSISTS)) return pubsub_unsupported(r, "persistent-items");
    struct buf event = BUF_INIT;
    BUF_ADD_LIT(&event, "<items");
    pubsub_attr_write(&event, "node", node.name);
    buf_add_char(&event, '>');
    err = retract_all(db, r, &node, el, &event);
    BUF_ADD_LIT(&event, "</items>");
    struct str notify = xml_attr(el, STR("notify"));
    bool tells = (node.config.flags & PUBSUB_TELLS_RETRACT) || str_eq(notify, STR("true")) || str_eq(notify, STR("1"));
    if (!err && !r->refusal && tells) err = pubsub_news_add(db, r, &node, &event);
    buf_free(&event);
    return err;
}

/* --- reading --- */

struct page {
    struct pubsub_request *r;
    struct str *items; /* as written, in the order in which they came */
    struct str first, last;
    uint32_t count, cap, max;
    size_t bytes;
    bool full; /* there was one more */
};

static void page_grow(struct page *p) {
    struct str *old = p->items;
    p->cap = p->cap ? p->cap * 2 : 16;
    p->items = arena_alloc(p->r->arena, p->cap * sizeof *p->items);
    if (p->count) memcpy(p->items, old, p->count * sizeof *old);
}

static bool page_add(void *arg, const struct item_row *row) {
    struct page *p = arg;
    size_t bytes_max = p->r->asker.is_owner ? OWN_BYTES : OTHERS_BYTES;
    if (p->count == p->max || (p->count && p->bytes + row->xml.len > bytes_max)) {
        p->full = true;
        return false;
    }
    if (p->count == p->cap) page_grow(p);
    struct buf item = BUF_INIT;
    pubsub_item_write(&item, row->name, row->xml);
    p->items[p->count] = arena_dup(p->r->arena, buf_str(&item));
    p->bytes += buf_len(&item);
    buf_free(&item);
    struct str name = arena_dup(p->r->arena, row->name);
    if (p->count++ == 0) p->first = name;
    p->last = name;
    return true;
}

/* By their ids. */
static int page_of_ids(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct xml_node *el,
                       struct page *p) {
    for (const struct xml_node *i = xml_child(el, NS_PUBSUB, STR("item")); i; i = xml_again(i)) {
        struct item_row row;
        struct str id = xml_attr(i, STR("id"));
        if (!str_some(id)) return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, NULL);
        int err = items_find(db, r->arena, node->id, id, &row);
        if (err && err != ERR_NOT_FOUND) return err;
        if (!err && !page_add(p, &row)) break;
    }
    return p->count ? 0 : pubsub_refuse(r, STANZA_ERR_ITEM_NOT_FOUND, NULL);
}

/* An item's id in a <set/> is its place. */
static int place_of(struct db *db, struct pubsub_request *r, const struct node_row *node, struct str id, int64_t *out) {
    int err = items_place(db, node->id, id, out);
    return err == ERR_NOT_FOUND ? pubsub_refuse(r, STANZA_ERR_ITEM_NOT_FOUND, NULL) : err;
}

/* By pages, or the newest so many, or all. */
static int page_of_query(struct db *db, struct pubsub_request *r, const struct node_row *node,
                         const struct rsm_query *rsm, struct page *p, bool *out_backwards) {
    struct items_query query = {.node = node->id};
    int err = 0;
    if (rsm->has_before && str_some(rsm->before)) err = place_of(db, r, node, rsm->before, &query.before);
    if (!err && rsm->has_after) err = place_of(db, r, node, rsm->after, &query.after);
    if (err || r->refusal) return err;
    query.backwards = *out_backwards;
    query.max = p->max < UINT32_MAX ? p->max + 1 : p->max;
    err = items_each(db, &query, page_add, p);
    if (query.backwards) {
        struct str first = p->first;
        p->first = p->last;
        p->last = first;
    }
    return err;
}

static int page_set_add(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct page *p) {
    int64_t index = -1, place;
    int err = p->count ? items_place(db, node->id, p->first, &place) : 0;
    if (!err && p->count) err = items_index(db, node->id, place, &index);
    struct xml_node *parent = xml_new(r->arena, NS_PUBSUB, STR("pubsub"));
    rsm_add(r->arena, parent, p->count ? p->first : STR_NONE, p->count ? p->last : STR_NONE, index, node->count);
    xml_write(&r->answer, xml_first_element(parent), NS_PUBSUB, false);
    return err;
}

static int page_write(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct page *p,
                      bool backwards, bool with_set) {
    BUF_ADD_LIT(&r->answer, "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items");
    pubsub_attr_write(&r->answer, "node", node->name);
    buf_add_char(&r->answer, '>');
    for (uint32_t i = 0; i < p->count; i++) buf_add_str(&r->answer, p->items[backwards ? p->count - 1 - i : i]);
    BUF_ADD_LIT(&r->answer, "</items>");
    int err = with_set ? page_set_add(db, r, node, p) : 0;
    BUF_ADD_LIT(&r->answer, "</pubsub>");
    return err;
}

static bool max_read(const struct xml_node *el, uint32_t *out) {
    unsigned long long n = UINT32_MAX;
    struct str max = xml_attr(el, STR("max_items"));
    bool is_valid = !max.p || (str_to_u64(max, UINT32_MAX, &n) && n > 0);
    *out = (uint32_t)n;
    return is_valid;
}

int pubsub_items(struct db *db, struct pubsub_request *r) {
    const struct xml_node *el = xml_child(r->payload, NS_PUBSUB, STR("items"));
    struct node_row node;
    struct person_row person;
    struct rsm_query rsm;
    struct page page = {.r = r};
    int err = pubsub_node(db, r, el, &node);
    if (!err && !r->refusal) err = pubsub_person(db, r, &node, &person);
    if (err || r->refusal || !pubsub_may_read(r, &node, &person)) return err;
    if (rsm_read(r->arena, r->payload, &rsm) || !max_read(el, &page.max))
        return pubsub_refuse(r, STANZA_ERR_BAD_REQUEST, NULL);
    if (rsm.has_index) return pubsub_refuse(r, STANZA_ERR_FEATURE_NOT_IMPLEMENTED, NULL);
    if (rsm.has_max && rsm.max < page.max) page.max = rsm.max;
    bool is_paged = rsm.has_max || rsm.has_before || rsm.has_after;
    bool backwards = !rsm.has_after && (rsm.has_before || !is_paged);
    if (xml_child(el, NS_PUBSUB, STR("item"))) {
        backwards = false;
        err = page_of_ids(db, r, &node, el, &page);
    } else {
        err = page_of_query(db, r, &node, &rsm, &page, &backwards);
    }
    if (err || r->refusal) return err;
    bool is_short = page.full && !xml_attr(el, STR("max_items")).p;
    return page_write(db, r, &node, &page, backwards, is_paged || is_short);
}
