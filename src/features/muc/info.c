/* info.c: what a room and the service say of themselves (XEP-0045 section 6): identity, features, who is there, which rooms there are. */
#include <stdlib.h>

#include "base/check.h"
#include "features/muc/room.h"
#include "im/iq.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

/* --- a room (6.4, 6.5) --- */

static void feature_add(struct arena *arena, struct xml_node *query, struct str var) {
    xml_set(arena, xml_add(arena, query, STR_NONE, STR("feature")), STR("var"), var);
}

static struct xml_node *info_new(struct arena *arena, struct str name) {
    struct xml_node *query = xml_new(arena, NS_DISCO_INFO, STR("query"));
    struct xml_node *identity = xml_add(arena, query, STR_NONE, STR("identity"));
    xml_set(arena, identity, STR("category"), STR("conference"));
    xml_set(arena, identity, STR("type"), STR("text"));
    xml_set(arena, identity, STR("name"), name);
    static const struct str common[] = {STR_INIT("http://jabber.org/protocol/disco#info"),
                                        STR_INIT("http://jabber.org/protocol/disco#items"),
                                        STR_INIT("http://jabber.org/protocol/muc"),
                                        STR_INIT("urn:xmpp:occupant-id:0"),
                                        STR_INIT("urn:xmpp:ping"),
                                        STR_INIT("http://jabber.org/protocol/muc#self-ping-optimization"),
                                        {NULL, 0}};
    for (const struct str *f = common; f->p; f++) feature_add(arena, query, *f);
    return query;
}

static void on_info(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    const struct config *c = &r->config;
    struct str name = config_get(c, OPTION_NAME);
    struct xml_node *query = info_new(arena, str_some(name) ? name : room_local(r));
    feature_add(arena, query, STR("http://jabber.org/protocol/muc#request"));
    feature_add(arena, query, STR("jabber:iq:register"));
    feature_add(arena, query, STR("urn:xmpp:sid:0"));
    feature_add(arena, query, NS_MAM);
    feature_add(arena, query, STR("urn:xmpp:mam:2#extended"));
    const struct {
        enum room_option option;
        struct str yes, no;
    } facts[] = {
        {OPTION_PUBLIC, STR_INIT("muc_public"), STR_INIT("muc_hidden")},
        {OPTION_PERSISTENT, STR_INIT("muc_persistent"), STR_INIT("muc_temporary")},
        {OPTION_MEMBERS_ONLY, STR_INIT("muc_membersonly"), STR_INIT("muc_open")},
        {OPTION_MODERATED, STR_INIT("muc_moderated"), STR_INIT("muc_unmoderated")},
        {OPTION_PROTECTED, STR_INIT("muc_passwordprotected"), STR_INIT("muc_unsecured")},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        feature_add(arena, query, config_is(c, facts[i].option) ? facts[i].yes : facts[i].no);
    bool is_open = str_eq(config_get(c, OPTION_WHOIS), STR("anyone"));
    feature_add(arena, query, is_open ? STR("muc_nonanonymous") : STR("muc_semianonymous"));
    struct xml_node *form = form_new(arena, STR("result"), STR("http://jabber.org/protocol/muc#roominfo"));
    form_add(arena, form, STR_NONE, STR("muc#roominfo_description"), config_get(c, OPTION_DESCRIPTION));
    form_add(arena, form, STR_NONE, STR("muc#roominfo_lang"), config_get(c, OPTION_LANGUAGE));
    if (room_past_is_for(r, walk->stanza.from)) /* what is said there is said to some */
        form_add(arena, form, STR_NONE, STR("muc#roominfo_subject"), r->subject ? str_c(r->subject) : STR(""));
    form_add(arena, form, STR_NONE, STR("muc#roominfo_occupants"), arena_printf(arena, "%u", r->occupant_count));
    form_add(arena, form, STR_NONE, STR("muc#maxhistoryfetch"), config_get(c, OPTION_HISTORY));
    xml_append(query, form);
    iq_answer(walk, query);
}

/* The nick that one has there (7.12). */
static void on_own_nick(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_DISCO_INFO, STR("query"));
    xml_set(arena, query, STR("node"), STR("x-roomuser-item"));
    const struct person *p = room_person(r, jid_bare_str(walk->stanza.from));
    if (p && p->nick_len) {
        struct xml_node *identity = xml_add(arena, query, STR_NONE, STR("identity"));
        xml_set(arena, identity, STR("category"), STR("conference"));
        xml_set(arena, identity, STR("type"), STR("text"));
        xml_set(arena, identity, STR("name"), person_nick(p));
    }
    iq_answer(walk, query);
}

/* Who is there is said to who is there, too. */
static void add_item(struct turn *turn, struct xml_node *query, const struct occupant *o) {
    xml_set(turn->arena, xml_add(turn->arena, query, STR_NONE, STR("item")), STR("jid"), occupant_address(turn, o));
}

void on_items(struct walk *walk, struct room *r) {
    struct xml_node *query = xml_new(walk->turn->arena, NS_DISCO_ITEMS, STR("query"));
    if (asker_of(walk, r)) {
        list_occupants(walk, r, query, ROLE_NONE, add_item);
    } else {
        iq_answer(walk, query);
    }
}

void on_disco_info(struct walk *walk, struct room *r) {
    struct str node = xml_attr(walk->stanza.payload, STR("node"));
    if (str_eq(node, STR("x-roomuser-item"))) {
        on_own_nick(walk, r);
    } else if (node.p) {
        iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
    } else {
        on_info(walk, r);
    }
}

/* --- the service (6.1, 6.3) --- */

struct listing {
    struct store_job job;
    struct iq_later *later;
    struct arena *arena;
    struct xml_node *query;
    struct str after, first, last, domain;
    uint32_t max, count;
    bool more;
};

static void listing_take(void *arg, struct str name, struct str config) {
    struct listing *l = arg;
    if (l->count == l->max) {
        l->more = true;
        return;
    }
    struct config c = {0};
    config_read(&c, config);
    struct str title = config_get(&c, OPTION_NAME);
    l->last = arena_dup(l->arena, name);
    if (l->count++ == 0) l->first = l->last;
    struct xml_node *item = xml_add(l->arena, l->query, STR_NONE, STR("item"));
    xml_set(l->arena, item, STR("jid"), ARENA_CONCAT(l->arena, name, STR("@"), l->domain));
    xml_set(l->arena, item, STR("name"), str_some(title) ? arena_dup(l->arena, title) : l->last);
    config_free(&c);
}

/* Reader thread. */
static int listing_run(struct db *db, struct store_job *job) {
    struct listing *l = (struct listing *)job;
    return rooms_public(db, l->after, l->max + 1, listing_take, l);
}

static void listing_done(struct turn *turn, struct store_job *job) {
    struct listing *l = (struct listing *)job;
    if (job->result) {
        iq_later_failed(turn, &l->later, job->result);
    } else {
        if (l->more || str_some(l->after)) rsm_add(l->arena, l->query, l->first, l->last, -1, -1);
        iq_later_answer(turn, &l->later, l->query);
    }
    arena_free(&l->arena);
    free(l);
}

static void on_rooms(struct walk *walk) {
    struct rsm_query rsm;
    if (!page_read(walk, &rsm)) return;
    struct listing *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->arena = arena_new();
    l->query = xml_new(l->arena, NS_DISCO_ITEMS, STR("query"));
    l->domain = arena_dup(l->arena, jid_domain(walk->stanza.to));
    l->after = rsm.has_after ? arena_dup(l->arena, rsm.after) : STR_NONE;
    l->max = rsm.max;
    l->later = iq_defer(walk);
    l->job.kind = STORE_READ;
    l->job.slot = slot_of(walk->turn->shard->hub, l->domain);
    l->job.run = listing_run;
    l->job.done = listing_done;
    l->job.msg.bytes = sizeof *l;
    store_submit(walk->im->server->store, walk->turn, &l->job);
}

void service_iq_on(struct walk *walk) {
    if (stanza_is_answer(&walk->stanza)) return;
    const struct xml_node *payload = walk->stanza.payload;
    if (walk->stanza.type != IQ_GET || !jid_is_bare(walk->stanza.to)) {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    } else if (xml_is(payload, NS_DISCO_INFO, STR("query")) && !xml_attr(payload, STR("node")).p) {
        iq_answer(walk, info_new(walk->turn->arena, STR("Groups")));
    } else if (xml_is(payload, NS_DISCO_ITEMS, STR("query"))) {
        on_rooms(walk);
    } else if (xml_is(payload, NS_PING, STR("ping"))) {
        iq_answer(walk, NULL);
    } else {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    }
}
