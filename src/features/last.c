/*
 * last.c: Last Activity (XEP-0012): when an account was last here, for those who may see its presence; how long the server runs. A request to a full
 * address goes to that client. Strangers, and who asks for nobody, get one and the same answer.
 */
#include "im/document.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/session.h"
#include "xmpp/ns.h"

static struct xml_node *last_node(struct arena *arena, int64_t us) {
    struct xml_node *query = xml_new(arena, NS_LAST, STR("query"));
    return xml_set(arena, query, STR("seconds"), arena_printf(arena, "%lld", (long long)(us > 0 ? us / 1000000 : 0)));
}

static void on_server(struct walk *walk) {
    iq_answer(walk, last_node(walk->turn->arena, walk->turn->wall_us - walk->im->server->started_us));
}

static bool is_here(const struct account *a) {
    LIST_EACH (&a->sessions, at, after) {
        if (session_is_available(CONTAINER_OF(at, struct session, in_account))) return true;
    }
    return false;
}

static void on_found(struct turn *turn, struct iq_later **later, int err, struct str name, struct str xml,
                     int64_t changed_us) {
    (void)name;
    (void)xml;
    if (err)
        iq_later_failed(turn, later, err);
    else
        iq_later_answer(turn, later, last_node(turn->arena, turn->wall_us - changed_us));
}

static void on_account(struct walk *walk) {
    if (!account_shows_presence_to(walk->account, walk->stanza.from))
        iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
    else if (walk->direction == OUT || is_here(walk->account))
        iq_answer(walk, last_node(walk->turn->arena, 0));
    else if (walk->account->left_us)
        iq_answer(walk, last_node(walk->turn->arena, walk->turn->wall_us - walk->account->left_us));
    else
        document_get(walk, DOCUMENT_LAST, STR(""), on_found);
}

/* Who was here is not any more. The store is told when the account leaves memory, so that coming and going costs nothing; a crash may forget it. */
static void on_ended(struct turn *turn, struct session *s) {
    if (s->initial && !is_here(s->account)) s->account->left_us = turn->wall_us;
}

/* Of nobody as of strangers. */
static bool forbids(const struct stanza *request) {
    return request->type == IQ_GET && xml_is(request->payload, NS_LAST, STR("query"));
}

static const struct str last_disco[] = {STR_INIT("jabber:iq:last"), {NULL, 0}};

static const struct iq_handler last_iq[] = {
    {IQ_GET, TO(SERVER), STR_INIT("jabber:iq:last"), STR_INIT("query"), on_server},
    {IQ_GET, TO(SELF) | TO(ACCOUNT), STR_INIT("jabber:iq:last"), STR_INIT("query"), on_account},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_last = {
    .name = "last",
    .spec = "XEP-0012",
    .version = "2.0",
    .text = "When an account was last here, for those who see its presence; how long the server runs.",
    .disco = last_disco,
    .disco_account = last_disco,
    .iq = last_iq,
    .forbids = forbids,
    .session_ended = on_ended,
};
