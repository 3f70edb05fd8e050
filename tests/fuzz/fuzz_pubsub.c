/*
 * fuzz_pubsub.c: requests of publish-subscribe, of the card and of the old list of bookmarks, as the store's worker does them, against a real database:
 * a line each, WHO HOW XML. WHO: o the owner, f a friend, s a stranger. HOW: g get, s set, d and i disco#info and #items, c and p the card and private storage (of its owner).
 * Namespaces in force: pubsub's own, w its #owner, x data forms, r result sets. What holds whatever is asked: nobody but the owner changes what is the owner's alone; what is refused changes nothing; what is
 * said is XML; nobody has more than the limits.
 */
#include "fuzz.h"

#include <string.h>

#include "database.h"
#include "im/avatar.h"
#include "im/bookmarks.h"
#include "im/displayed.h"
#include "im/pubsub.h"
#include "store/accounts.h"
#include "store/items.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

enum { NODES = 6, ITEMS = 5, ITEM_BYTES = 600, BYTES = 3000, PEOPLE = 4 };

#define OWNER "mia@x"
static const struct pubsub_limits limits = {NODES, ITEMS, ITEM_BYTES, BYTES, PEOPLE};
static const struct xml_limits stanza_limits = {10000, 30, 60, 1000};
static const uint8_t key[32];

struct scene {
    struct db *db;
    struct account *account; /* of which a worker knows the address alone */
    int64_t owner;
    struct arena *arena; /* of one request */
};

/* --- what holds --- */

static void must_be_xml(struct arena *arena, struct str bytes) {
    if (!str_some(bytes)) return;
    MUST(xml_parse_own(arena, bytes));
}

static bool must_fit(void *arg, const struct node_row *node) {
    struct scene *scene = arg;
    int64_t count = 0, bytes = 0;
    struct db_statement *s =
        db_prepare(scene->db, "SELECT count(*), coalesce(sum(length(xml)), 0) FROM items WHERE node = ?1");
    db_bind_int(s, 1, node->id);
    MUST(db_step(s) == 1);
    count = db_int(s, 0);
    bytes = db_int(s, 1);
    db_finish(s);
    MUST(count == node->count && bytes == node->bytes);
    MUST(count <= ITEMS && (!node->config.max_items || count <= node->config.max_items));
    s = db_prepare(scene->db, "SELECT count(*) FROM node_people WHERE node = ?1");
    db_bind_int(s, 1, node->id);
    MUST(db_step(s) == 1 && db_int(s, 0) <= PEOPLE);
    db_finish(s);
    return true;
}

static void check(struct scene *scene, const struct pubsub_request *r, int64_t changes) {
    bool is_changed = db_changes_total(scene->db) != changes;
    MUST(!is_changed || (r->op->writes && !r->refusal));
    if (r->refusal) return; /* whatever else it made is not looked at */
    must_be_xml(scene->arena, arena_dup(scene->arena, buf_str(&r->answer)));
    must_be_xml(scene->arena, r->last);
    for (const struct pubsub_news *news = r->news; news; news = news->next) must_be_xml(scene->arena, news->event);
    int64_t bytes;
    MUST(nodes_bytes(scene->db, scene->owner, &bytes) == 0 && bytes <= BYTES);
    MUST(nodes_each(scene->db, scene->arena, scene->owner, must_fit, scene) == 0);
}

/* --- one request --- */

static const struct pubsub_op *op_of(char how, const struct xml_node *payload) {
    const struct xml_node *el;
    switch (how) {
    case 'd':
        return &pubsub_op_disco_info;
    case 'i':
        return &pubsub_op_disco_items;
    case 'c':
        return xml_first_element(payload) ? &avatar_op_card_set : &avatar_op_card_get;
    case 'p':
        el = xml_first_element(payload);
        if (!el || !bookmarks_are(el)) return NULL;
        return xml_first_element(el) ? &bookmarks_op_set : &bookmarks_op_get;
    default:
        if (!str_eq(payload->ns, NS_PUBSUB) && !str_eq(payload->ns, NS_PUBSUB_OWNER)) return NULL;
        el = pubsub_action(payload);
        return el ? pubsub_op_of(how == 's' ? IQ_SET : IQ_GET, el) : NULL;
    }
}

static struct pubsub_asker asker_of(struct arena *arena, char who) {
    struct pubsub_asker asker = {.is_owner = who == 'o', .sees = who != 's', .groups = STR("")};
    if (who == 'f') asker.groups = STR("friends\n");
    MUST(jid_parse(arena,
                   who == 'o'   ? STR("mia@x/a")
                   : who == 'f' ? STR("noah@x/a")
                                : STR("lena@x/a"),
                   &asker.jid) == 0);
    return asker;
}

static void request(struct scene *scene, struct str line) {
    /* Namespaces are long, and a fuzzer would rather spell other things. */
    static const struct str prefixes[][2] = {
        {STR_INIT("w"), STR_INIT("http://jabber.org/protocol/pubsub#owner")},
        {STR_INIT("x"), STR_INIT("jabber:x:data")},
        {STR_INIT("r"), STR_INIT("http://jabber.org/protocol/rsm")},
    };
    static const struct xml_scope scope = {STR_INIT("http://jabber.org/protocol/pubsub"), 3, prefixes};
    struct xml_node *payload;
    if (line.len < 3 || xml_parse(scene->arena, str_from(line, 2), &scope, &stanza_limits, &payload)) return;
    char who = line.p[0], how = line.p[1];
    bool is_own = how == 'c' || how == 'p' || str_eq(payload->ns, NS_PUBSUB_OWNER);
    const struct pubsub_op *op = op_of(how, payload);
    if (!op || (is_own && who != 'o')) return; /* the features' business */
    struct pubsub_request r = {
        .account = scene->account,
        .op = op,
        .arena = scene->arena,
        .payload = payload,
        .owner = scene->owner,
        .now_us = 1700000000000000,
        .asker = asker_of(scene->arena, who),
        .limits = limits,
        .id_key = key,
        .answer = BUF_INIT,
    };
    int64_t changes = db_changes_total(scene->db);
    MUST(op->run(scene->db, &r) == 0);
    check(scene, &r, changes);
    const struct xml_node *el = pubsub_action(payload);
    if (op->writes && !r.refusal && el && strchr("gs", how))
        MUST(avatar_written(scene->db, &r, xml_attr(el, STR("node")), str_eq(el->name, STR("publish"))) == 0);
    buf_free(&r.answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct scene scene;
    if (!scene.db) {
        scene.db = database_new();
        MUST(accounts_create(scene.db, STR(OWNER), NULL, NULL, 1, &scene.owner) == 0);
        scene.account = calloc(1, sizeof *scene.account + sizeof OWNER);
        MUST(scene.account);
        memcpy(scene.account->bare, OWNER, sizeof OWNER);
    }
    MUST(db_begin(scene.db) == 0);
    struct str rest = str_of((const char *)data, size);
    while (rest.len) {
        size_t at = str_index(rest, '\n');
        if (at > rest.len) at = rest.len;
        scene.arena = arena_new();
        request(&scene, str_first(rest, at));
        arena_free(&scene.arena);
        rest = str_from(rest, at < rest.len ? at + 1 : at);
    }
    db_rollback(scene.db);
    return 0;
}
