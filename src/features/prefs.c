/*
 * prefs.c: Archiving Preferences (XEP-0441): the owner says what the archive holds. What it does not hold is still stored until it has been
 * handed over. A change is for messages from now on.
 */
#include "im/prefs.h"

#include "im/change.h"
#include "im/feature.h"
#include "im/iq.h"
#include "xmpp/ns.h"

static const struct str policies[] = {STR_INIT("always"), STR_INIT("roster"), STR_INIT("never")};
enum { POLICIES = sizeof policies / sizeof *policies };

static void add_list(struct arena *arena, struct xml_node *el, struct str name, const struct prefs *p, bool always) {
    struct xml_node *list = xml_add(arena, el, NS_MAM, name);
    for (uint32_t i = 0; p && i < p->count; i++) {
        if (p->listed[i].always == always)
            xml_add_text(arena, xml_add(arena, list, NS_MAM, STR("jid")), p->listed[i].jid);
    }
}

static struct xml_node *prefs_node(struct arena *arena, const struct account *a) {
    struct xml_node *el = xml_new(arena, NS_MAM, STR("prefs"));
    xml_set(arena, el, STR("default"), policies[prefs_policy(a)]);
    add_list(arena, el, STR("always"), a->prefs, true);
    add_list(arena, el, STR("never"), a->prefs, false);
    return el;
}

static void on_get(struct walk *walk) {
    iq_answer(walk, prefs_node(walk->turn->arena, walk->account));
}

/* --- setting --- */

struct setting {
    struct arena *arena;
    struct prefs_row row;
    struct prefs_listed *listed;
    uint32_t max;
    struct map seen; /* address -> its struct prefs_listed */
};

/* An address twice in one list is there once; in both lists it says nothing. */
static enum stanza_error read_jid(struct setting *set, const struct xml_node *el, bool always) {
    struct jid jid;
    if (jid_parse(set->arena, xml_text(set->arena, el), &jid)) return STANZA_ERR_JID_MALFORMED;
    struct str address = jid_str(jid_dup(set->arena, jid));
    const struct prefs_listed *same = map_get(&set->seen, address);
    if (same) return same->always == always ? STANZA_ERR_NONE : STANZA_ERR_BAD_REQUEST;
    if (set->row.count == set->max) return STANZA_ERR_RESOURCE_CONSTRAINT;
    set->listed[set->row.count] = (struct prefs_listed){address, always};
    map_put(&set->seen, address, &set->listed[set->row.count++]);
    return STANZA_ERR_NONE;
}

static enum stanza_error read_list(struct setting *set, const struct xml_node *prefs, struct str name, bool always) {
    const struct xml_node *list = xml_child(prefs, NS_MAM, name);
    if (!list) return STANZA_ERR_NONE;
    if (xml_again(list)) return STANZA_ERR_BAD_REQUEST;
    for (const struct xml_node *c = xml_child(list, NS_MAM, STR("jid")); c; c = xml_again(c)) {
        enum stanza_error error = read_jid(set, c, always);
        if (error) return error;
    }
    return STANZA_ERR_NONE;
}

static enum stanza_error read_prefs(struct setting *set, const struct xml_node *prefs) {
    struct str policy = xml_attr(prefs, STR("default"));
    for (int i = 0; i < POLICIES; i++)
        if (str_eq(policy, policies[i])) set->row.policy = i + 1;
    if (set->row.policy == 0) return STANZA_ERR_BAD_REQUEST;
    set->listed = arena_alloc(set->arena, set->max * sizeof *set->listed);
    set->row.listed = set->listed;
    enum stanza_error error = read_list(set, prefs, STR("always"), true);
    return error ? error : read_list(set, prefs, STR("never"), false);
}

static void decide(struct turn *turn, struct account *a, struct change *c) {
    (void)turn;
    (void)a;
    const struct setting *set = c->data;
    change_prefs(c, &set->row);
}

static void finish(struct turn *turn, struct account *a, struct change *c, int err) {
    if (err) {
        iq_later_failed(turn, &c->later, err);
    } else {
        iq_later_answer(turn, &c->later, prefs_node(turn->arena, a));
    }
}

static void on_set(struct walk *walk) {
    struct change *c = change_new(decide, finish);
    struct setting *set = ARENA_NEW(c->arena, struct setting);
    set->arena = c->arena;
    set->max = (uint32_t)walk->im->server->options.archive_listed;
    c->data = set;
    enum stanza_error error = read_prefs(set, walk->stanza.payload);
    map_free(&set->seen);
    if (error) {
        change_drop(&c);
        iq_refuse(walk, error, error == STANZA_ERR_RESOURCE_CONSTRAINT ? STR("Too many addresses.") : STR_NONE);
        return;
    }
    c->later = iq_defer(walk);
    change_start(walk->turn, walk->account, c);
}

static const struct iq_handler prefs_iq[] = {
    {IQ_GET, TO(SELF), STR_INIT("urn:xmpp:mam:2"), STR_INIT("prefs"), on_get},
    {IQ_SET, TO(SELF), STR_INIT("urn:xmpp:mam:2"), STR_INIT("prefs"), on_set},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_prefs = {
    .name = "prefs",
    .spec = "XEP-0441",
    .version = "0.2.0",
    .text =
        "What the archive holds, by a default and by address; what it does not hold is stored until it is delivered.",
    .iq = prefs_iq,
};
