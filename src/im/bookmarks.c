/*
 * bookmarks.c: see bookmarks.h. On a worker, inside the job of a request (im/pubsub.c). What must hold: who writes the old list touches only what it changes in it;
 * what the list cannot say (extensions) stays as it was. What is no room (<url/>) stays in the private document.
 */
#include "im/bookmarks.h"

#include "base/err.h"
#include "store/documents.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#define NODE STR("urn:xmpp:bookmarks:1")
#define STORAGE STR("storage:bookmarks")
#define DOCUMENT STR("storage\nstorage:bookmarks")

bool bookmarks_are(const struct xml_node *storage) {
    return xml_is(storage, STORAGE, STR("storage"));
}

/* One bookmark, from or to either namespace. */
struct bookmark {
    struct str jid, name, nick, password;
    bool joins;
    const struct xml_node *extensions;
    struct str xml; /* as an item, if it is one */
    bool stays;     /* it is in the new list too */
    struct bookmark *next;
};

static struct bookmark *bookmark_read(struct arena *arena, const struct xml_node *el, struct str jid) {
    struct bookmark *b = ARENA_NEW(arena, struct bookmark);
    struct str joins = xml_attr(el, STR("autojoin"));
    b->jid = jid;
    b->name = xml_attr(el, STR("name"));
    b->joins = str_eq(joins, STR("true")) || str_eq(joins, STR("1"));
    b->nick = xml_child_text(arena, el, el->ns, STR("nick"));
    b->password = xml_child_text(arena, el, el->ns, STR("password"));
    b->extensions = xml_child(el, NODE, STR("extensions"));
    return b;
}

static bool bookmark_eq(const struct bookmark *a, const struct bookmark *b) {
    return str_eq(a->name, b->name) && str_eq(a->nick, b->nick) && str_eq(a->password, b->password) &&
           a->joins == b->joins;
}

static struct xml_node *bookmark_write(struct arena *arena, const struct bookmark *b, struct str ns) {
    struct xml_node *el = xml_new(arena, ns, STR("conference"));
    if (b->name.p) xml_set(arena, el, STR("name"), b->name);
    if (b->joins) xml_set(arena, el, STR("autojoin"), STR("true"));
    if (b->nick.p) xml_add_text(arena, xml_add(arena, el, ns, STR("nick")), b->nick);
    if (b->password.p) xml_add_text(arena, xml_add(arena, el, ns, STR("password")), b->password);
    return el;
}

/* --- lists --- */

struct list {
    struct arena *arena;
    struct bookmark *first, **end;
    uint32_t count;
    struct map by_jid;
};

static void list_begin(struct list *l, struct arena *arena) {
    *l = (struct list){.arena = arena, .by_jid = MAP_INIT};
    l->end = &l->first;
}

static void list_add(struct list *l, struct bookmark *b) {
    if (map_get(&l->by_jid, b->jid)) return; /* the first one counts */
    map_put(&l->by_jid, b->jid, b);
    *l->end = b;
    l->end = &b->next;
    l->count++;
}

static bool take_item(void *arg, const struct item_row *row) {
    struct list *l = arg;
    struct str xml = arena_dup(l->arena, row->xml);
    const struct xml_node *el = pubsub_item_tree(l->arena, xml);
    if (!xml_is(el, NODE, STR("conference"))) el = xml_new(l->arena, NODE, STR("conference"));
    struct bookmark *b = bookmark_read(l->arena, el, arena_dup(l->arena, row->name));
    b->xml = xml;
    list_add(l, b);
    return true;
}

static int list_of_items(struct db *db, int64_t node, struct list *out) {
    return items_each(db, &(struct items_query){.node = node, .max = UINT32_MAX}, take_item, out);
}

static void list_of_storage(const struct xml_node *storage, struct list *out) {
    for (const struct xml_node *c = xml_child(storage, STORAGE, STR("conference")); c; c = xml_again(c)) {
        struct jid jid;
        if (jid_parse(out->arena, xml_attr(c, STR("jid")), &jid) == 0)
            list_add(out, bookmark_read(out->arena, c, jid_bare_str(jid)));
    }
}

/* The private document; NULL: there is none. */
static int document_read(struct db *db, struct pubsub_request *r, struct xml_node **out) {
    struct buf xml = BUF_INIT;
    int err = documents_find(db, r->owner, DOCUMENT_PRIVATE, DOCUMENT, &xml, NULL);
    *out = err ? NULL : pubsub_item_tree(r->arena, buf_str(&xml));
    buf_free(&xml);
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* --- reading --- */

static int get(struct db *db, struct pubsub_request *r) {
    struct xml_node *document, *query = xml_new(r->arena, NS_PRIVATE, STR("query"));
    struct node_row node;
    int err = document_read(db, r, &document);
    int found = nodes_find(db, r->arena, r->owner, NODE, &node);
    if (err || (found && found != ERR_NOT_FOUND)) return err ? err : found;
    struct xml_node *storage = xml_new(r->arena, STORAGE, STR("storage"));
    if (found == ERR_NOT_FOUND) { /* nobody has written in the new way */
        if (document) storage = document;
    } else {
        struct list items;
        list_begin(&items, r->arena);
        err = list_of_items(db, node.id, &items);
        for (const struct bookmark *b = items.first; b; b = b->next) {
            struct xml_node *el = bookmark_write(r->arena, b, STORAGE);
            xml_set(r->arena, el, STR("jid"), b->jid);
            xml_append(storage, el);
        }
        for (const struct xml_node *url = document ? xml_child(document, STORAGE, STR("url")) : NULL; url;
             url = xml_again(url))
            xml_append(storage, xml_copy_shallow(r->arena, url));
        map_free(&items.by_jid);
    }
    xml_append(query, storage);
    xml_write(&r->answer, query, STR_NONE, false);
    return err;
}

/* --- writing --- */

static int node_need(struct db *db, struct pubsub_request *r, struct node_row *out) {
    int err = nodes_find(db, r->arena, r->owner, NODE, out);
    if (err != ERR_NOT_FOUND) return err;
    struct pubsub_config config = pubsub_config_default(NODE);
    int64_t id;
    err = nodes_create(db, r->owner, NODE, &config, r->limits.nodes, &id);
    if (err == ERR_LIMIT) return pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
    return err ? err : nodes_find(db, r->arena, r->owner, NODE, out);
}

/* News of one bookmark each: programs (Dino among them) read the first item of an event alone. `xml` empty: it has gone. */
static int tell(struct db *db, struct pubsub_request *r, const struct node_row *node, struct str jid, struct str xml) {
    struct buf event = BUF_INIT;
    BUF_ADD_LIT(&event, "<items");
    pubsub_attr_write(&event, "node", NODE);
    buf_add_char(&event, '>');
    if (str_some(xml)) {
        pubsub_item_write(&event, jid, xml);
    } else {
        BUF_ADD_LIT(&event, "<retract");
        pubsub_attr_write(&event, "id", jid);
        BUF_ADD_LIT(&event, "/>");
    }
    BUF_ADD_LIT(&event, "</items>");
    int err = pubsub_news_add(db, r, node, &event);
    buf_free(&event);
    return err;
}

/* Those that are new or not what they were. */
static int put_changed(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct list *old,
                       const struct list *new) {
    int err = 0;
    for (const struct bookmark *b = new->first; b && !err; b = b->next) {
        struct bookmark *was = map_get(&old->by_jid, b->jid);
        if (was) was->stays = true;
        if (was && bookmark_eq(was, b)) continue;
        struct xml_node *el = bookmark_write(r->arena, b, NODE);
        if (was && was->extensions) xml_append(el, xml_copy_shallow(r->arena, was->extensions));
        struct str xml = xml_string(r->arena, el, STR_NONE);
        err = items_put(db, node->id, b->jid, xml, r->now_us, pubsub_items_max(r, &node->config));
        if (!err) err = tell(db, r, node, b->jid, xml);
    }
    return err;
}

static int remove_gone(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct list *old) {
    int err = 0;
    for (const struct bookmark *b = old->first; b && !err; b = b->next) {
        if (b->stays) continue;
        err = items_remove(db, node->id, b->jid);
        if (!err) err = tell(db, r, node, b->jid, STR(""));
    }
    return err;
}

static bool has_room(struct db *db, struct pubsub_request *r, const struct list *list, struct str xml, int *out_err) {
    int64_t used;
    *out_err = nodes_bytes(db, r->owner, &used);
    return list->count <= r->limits.items && used + 2 * (int64_t)xml.len <= r->limits.bytes;
}

static int set(struct db *db, struct pubsub_request *r) {
    const struct xml_node *storage = xml_first_element(r->payload);
    struct str xml = xml_string(r->arena, storage, STR_NONE);
    struct node_row node;
    struct list old, new;
    int err;
    list_begin(&old, r->arena);
    list_begin(&new, r->arena);
    list_of_storage(storage, &new);
    if (!has_room(db, r, &new, xml, &err)) {
        map_free(&new.by_jid);
        return err ? err : pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
    }
    if (!err) err = node_need(db, r, &node);
    if (!err && !r->refusal) err = list_of_items(db, node.id, &old);
    if (!err && !r->refusal) err = put_changed(db, r, &node, &old, &new);
    if (!err && !r->refusal) err = remove_gone(db, r, &node, &old);
    /* Never one too many: it is bounded by itself. */
    if (!err && !r->refusal) err = documents_put(db, r->owner, DOCUMENT_PRIVATE, DOCUMENT, xml, r->now_us, INT64_MAX);
    map_free(&old.by_jid);
    map_free(&new.by_jid);
    return err;
}

int bookmarks_import(struct db *db, struct pubsub_request *r, const struct node_row *node) {
    struct xml_node *document;
    struct list list;
    int err = str_eq(node->name, NODE) ? document_read(db, r, &document) : ERR_NOT_FOUND;
    if (err) return err == ERR_NOT_FOUND ? 0 : err;
    list_begin(&list, r->arena);
    if (document) list_of_storage(document, &list);
    for (const struct bookmark *b = list.first; b && !err; b = b->next) {
        struct str xml = xml_string(r->arena, bookmark_write(r->arena, b, NODE), STR_NONE);
        err = items_put(db, node->id, b->jid, xml, r->now_us, pubsub_items_max(r, &node->config));
    }
    map_free(&list.by_jid);
    return err;
}

/* --- by the server, for a member of a group --- */

static int keep(struct db *db, struct pubsub_request *r, const struct node_row *node,
                const struct bookmarks_group *group) {
    struct bookmark b = {.jid = group->room, .name = group->name, .nick = group->nick, .joins = true};
    struct str xml = xml_string(r->arena, bookmark_write(r->arena, &b, NODE), STR_NONE);
    int err = items_put(db, node->id, b.jid, xml, r->now_us, pubsub_items_max(r, &node->config));
    return err ? err : tell(db, r, node, b.jid, xml);
}

/* Its person may have made or changed one: that stays. */
int bookmarks_group(struct db *db, struct pubsub_request *r) {
    const struct bookmarks_group *group = r->data;
    struct node_row node;
    struct item_row row;
    int err = node_need(db, r, &node);
    if (!err && !r->refusal) {
        int found = items_find(db, r->arena, node.id, group->room, &row);
        if (found && found != ERR_NOT_FOUND) return found;
        if (group->belongs && found) err = keep(db, r, &node, group);
        if (!group->belongs && !found) err = items_remove(db, node.id, group->room);
        if (!err && !group->belongs && !found) err = tell(db, r, &node, group->room, STR(""));
    }
    r->refusal = STANZA_ERR_NONE; /* there is no room for it: it can be joined by hand */
    return err ? err : owed_remove(db, group->owed);
}

const struct pubsub_op bookmarks_op_get = {false, get, NULL};
const struct pubsub_op bookmarks_op_set = {true, set, NULL};
