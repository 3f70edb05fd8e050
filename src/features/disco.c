/*
 * disco.c: Service Discovery (XEP-0030) and Contact Addresses (XEP-0157), both made from the tables of features and the options. An account tells
 * strangers no more than a name that does not exist would.
 */
#include "im/account.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/pubsub.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

static void disco_add_features(struct arena *arena, struct xml_node *query, bool of_account) {
    for (const struct feature *const *f = features; *f; f++) {
        for (const struct str *ns = of_account ? (*f)->disco_account : (*f)->disco; ns && ns->p; ns++) {
            xml_set(arena, xml_add(arena, query, STR_NONE, STR("feature")), STR("var"), *ns);
        }
    }
}

static void disco_add_identity(struct arena *arena, struct xml_node *query, struct str category, struct str type,
                               struct str name) {
    struct xml_node *identity = xml_add(arena, query, STR_NONE, STR("identity"));
    xml_set(arena, identity, STR("category"), category);
    xml_set(arena, identity, STR("type"), type);
    xml_set(arena, identity, STR("name"), name);
}

/* XEP-0157: the contacts of the file, for every purpose. */
static void disco_add_contacts(struct walk *walk, struct xml_node *query) {
    struct arena *arena = walk->turn->arena;
    struct str rest = walk->im->server->options.contact;
    if (!str_some(rest)) return;
    struct xml_node *form = form_new(arena, STR("result"), NS_SERVER_INFO);
    static const struct str purposes[] = {STR_INIT("abuse-addresses"), STR_INIT("admin-addresses"),
                                          STR_INIT("support-addresses")};
    for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++) {
        struct xml_node *field = form_add(arena, form, STR("list-multi"), purposes[i], STR_NONE);
        for (struct str left = rest; str_some(left);) {
            struct str one = str_first(left, str_index(left, ' '));
            left = str_from(left, one.len + 1);
            if (str_some(one)) xml_add_text(arena, xml_add(arena, field, STR_NONE, STR("value")), one);
        }
    }
    xml_append(query, form);
}

static bool disco_node_is_unknown(struct walk *walk) {
    if (!xml_attr(walk->stanza.payload, STR("node")).p) return false;
    iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
    return true;
}

static void on_server_info(struct walk *walk) {
    if (disco_node_is_unknown(walk)) return;
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_DISCO_INFO, STR("query"));
    disco_add_identity(arena, query, STR("server"), STR("im"), STR("Confab"));
    disco_add_features(arena, query, false);
    disco_add_contacts(walk, query);
    for (const struct feature *const *f = features; *f; f++) {
        if ((*f)->disco_form) (*f)->disco_form(walk, query);
    }
    iq_answer(walk, query);
}

/* May this requester know that the account exists? */
static bool disco_may_know(const struct walk *walk) {
    return account_shows_presence_to(walk->account, walk->stanza.from);
}

static void on_account_info(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    if (xml_attr(walk->stanza.payload, STR("node")).p) { /* one of publish-subscribe */
        pubsub_submit(walk, &pubsub_op_disco_info);
        return;
    }
    if (!disco_may_know(walk)) {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
        return;
    }
    struct xml_node *query = xml_new(arena, NS_DISCO_INFO, STR("query"));
    disco_add_identity(arena, query, STR("account"), STR("registered"), STR_NONE);
    disco_add_identity(arena, query, STR("pubsub"), STR("pep"), STR_NONE);
    disco_add_features(arena, query, true);
    iq_answer(walk, query);
}

static void on_account_items(struct walk *walk) {
    pubsub_submit(walk, &pubsub_op_disco_items);
}

static void on_server_items(struct walk *walk) {
    if (disco_node_is_unknown(walk)) return;
    iq_answer(walk, xml_new(walk->turn->arena, NS_DISCO_ITEMS, STR("query")));
}

static const struct str disco_features[] = {
    STR_INIT("http://jabber.org/protocol/disco#info"),
    STR_INIT("http://jabber.org/protocol/disco#items"),
    {NULL, 0},
};

static const struct iq_handler disco_iq[] = {
    {IQ_GET, TO(SERVER), STR_INIT("http://jabber.org/protocol/disco#info"), STR_INIT("query"), on_server_info},
    {IQ_GET, TO(SELF) | TO(ACCOUNT), STR_INIT("http://jabber.org/protocol/disco#info"), STR_INIT("query"),
     on_account_info},
    {IQ_GET, TO(SERVER), STR_INIT("http://jabber.org/protocol/disco#items"), STR_INIT("query"), on_server_items},
    {IQ_GET, TO(SELF) | TO(ACCOUNT), STR_INIT("http://jabber.org/protocol/disco#items"), STR_INIT("query"),
     on_account_items},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_disco = {
    .name = "disco",
    .spec = "XEP-0030, XEP-0157",
    .version = "2.5.0, 1.1.1",
    .text = "What the server and accounts can do, and whom to write to.",
    .disco = disco_features,
    .disco_account = disco_features,
    .iq = disco_iq,
};
