/*
 * pubsub_event.c: news of nodes, from the owner's home to those whom they concern: one wire for all. What must hold: nobody is told who may not read, by the
 * roster as it is now; a message is from the bare address, and nothing in it names the device that published.
 */
#include "im/caps.h"
#include "im/lasts.h"
#include "im/pubsub.h"
#include "im/router.h"
#include "im/session.h"
#include "store/roster.h"
#include "xmpp/ns.h"

static struct xml_node *message_node(struct turn *turn, const struct account *a, int64_t message) {
    struct xml_node *el = xml_new(turn->arena, NS_CLIENT, STR("message"));
    struct str type = pubsub_message_type(message);
    if (type.p) xml_set(turn->arena, el, STR("type"), type);
    return xml_set(turn->arena, el, STR("from"), account_bare(a));
}

static void tell_address(struct turn *turn, struct account *a, int64_t message, struct str event, struct jid to) {
    struct xml_node *el = message_node(turn, a, message);
    xml_set(turn->arena, el, STR("to"), jid_str(to));
    router_send_with(turn, el, to, event);
}

void pubsub_tell_one(struct turn *turn, struct account *a, struct str event, struct jid to) {
    tell_address(turn, a, PUBSUB_HEADLINE, event, to);
}

/* They are sorted by address. */
static const struct person_row *person_of(const struct pubsub_news *news, struct str jid) {
    static const struct person_row nobody = {{"", 0}, PUBSUB_NONE, PUBSUB_UNSUBSCRIBED};
    for (uint32_t low = 0, high = news->people_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_cmp(news->people[middle].jid, jid);
        if (order == 0) return &news->people[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return &nobody;
}

/* As the roster has it now. */
static bool may_be_told(const struct account *a, const struct pubsub_news *news, struct jid who, int64_t subscription) {
    const struct contact *c = account_contact(a, jid_bare_str(who));
    struct pubsub_asker asker = {.jid = who,
                                 .is_owner = jid_bare_eq(who, account_jid(a)),
                                 .sees = c && (c->flags & ROSTER_FROM),
                                 .groups = c ? contact_groups(c) : STR("")};
    struct person_row person = *person_of(news, jid_bare_str(who));
    const char *condition;
    if (subscription) person.subscription = subscription;
    return !account_blocks(a, who) && pubsub_judge(&asker, &news->config, &person, &condition) == STANZA_ERR_NONE;
}

/* Those who subscribed by name, to that very address. */
static void tell_subscribers(struct turn *turn, struct account *a, const struct pubsub_news *news) {
    for (uint32_t i = 0; i < news->people_count; i++) {
        const struct person_row *p = &news->people[i];
        struct jid jid = jid_trusted(p->jid);
        if (p->subscription == PUBSUB_SUBSCRIBED && may_be_told(a, news, jid, p->subscription))
            tell_address(turn, a, news->config.message, news->event, jid);
    }
}

/* Those who see the owner's presence, if their programs want it; who subscribed by bare address is told anyway. */
static void tell_contacts(struct turn *turn, struct account *a, const struct pubsub_news *news, struct wire *wire) {
    if (pubsub_is_private(news)) return;
    struct fan *fan = arena_alloc(turn->arena, sizeof *fan);
    fan_begin(fan, turn, FAN_NEWS, account_jid(a), wire);
    fan->about = news->node;
    for (uint32_t i = 0; i < a->contacts.count; i++) {
        const struct contact *c = a->contacts.items[i];
        struct jid jid = jid_bare(jid_trusted(contact_jid(c)));
        if ((c->flags & ROSTER_FROM) && person_of(news, jid_str(jid))->subscription != PUBSUB_SUBSCRIBED &&
            may_be_told(a, news, jid, 0))
            fan_add(fan, jid);
    }
    fan_end(fan);
}

void pubsub_tell(struct turn *turn, struct account *a, const struct pubsub_news *news) {
    struct xml_node *el = message_node(turn, a, news->config.message);
    struct wire *bare = wire_from(el), *wire = wire_with_child(bare, news->event);
    if (person_of(news, account_bare(a))->subscription != PUBSUB_SUBSCRIBED)
        pubsub_arrived(turn, a, account_jid(a), news->node, wire);
    tell_contacts(turn, a, news, wire);
    tell_subscribers(turn, a, news);
    wire_unref(&bare);
    wire_unref(&wire);
}

void pubsub_arrived(struct turn *turn, struct account *a, struct jid from, struct str node, struct wire *wire) {
    if (account_blocks(a, from) || !account_sees_presence_of(a, from)) return;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        lasts_supersede(turn, s, jid_bare_str(from), node);
        if (session_is_available(s) && caps_want(s, node)) session_send(turn, s, wire, 0);
    }
}
