/*
 * register.c: In-Band Registration (XEP-0077) of those who are signed in: what is registered, a new password, the end of the account. Creating
 * one comes before sign-in and is the gate's (front/login_register.c). On the account's home. Only one's own account, only in answer to the client
 * that is signed in to it; that the password crosses the wire safely was settled when it signed in.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "im/accounts_admin.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/session.h"
#include "xmpp/ns.h"

enum {
    PASSWORD_STANZAS = 50
}; /* deriving keys costs tens of milliseconds of another thread: so much of the session's rate */

static void on_get(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_REGISTER, STR("query"));
    xml_add(arena, query, STR_NONE, STR("registered"));
    xml_add_text(arena, xml_add(arena, query, STR_NONE, STR("username")), jid_local(account_jid(walk->account)));
    iq_answer(walk, query);
}

static void on_done(struct turn *turn, void *arg, int err) {
    struct iq_later *later = arg;
    if (err == ERR_INVALID) {
        iq_later_refuse(turn, &later, STANZA_ERR_NOT_ACCEPTABLE, STR("This password cannot be used."));
    } else if (err) {
        iq_later_failed(turn, &later, err);
    } else {
        iq_later_answer(turn, &later, NULL);
    }
}

static bool names_itself(struct walk *walk, struct str name) {
    struct str local;
    return jid_prepare_local(walk->turn->arena, name, &local) == 0 &&
           str_eq(local, jid_local(account_jid(walk->account)));
}

static void set_password(struct walk *walk) {
    const struct xml_node *query = walk->stanza.payload;
    struct str name = xml_child_text(walk->turn->arena, query, NS_REGISTER, STR("username"));
    struct str password = xml_child_text(walk->turn->arena, query, NS_REGISTER, STR("password"));
    if (!name.p || !password.p) {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR("Name and password, please."));
    } else if (!names_itself(walk, name)) {
        iq_refuse(walk, STANZA_ERR_NOT_ALLOWED, STR("Only the password of this very account can be changed."));
    } else if (password.len == 0) {
        iq_refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("An empty password is none."));
    } else {
        if (walk->session->stream) stream_charge(walk->session->stream, PASSWORD_STANZAS);
        unsigned iterations = (unsigned)walk->im->server->options.iterations;
        account_set_password(walk->turn, walk->account, walk->session, password, iterations, on_done, iq_defer(walk));
    }
}

static void on_set(struct walk *walk) {
    const struct xml_node *query = walk->stanza.payload;
    const struct xml_node *remove = xml_child(query, NS_REGISTER, STR("remove"));
    if (!remove) {
        set_password(walk);
    } else if (xml_first_element(query) != remove || xml_next_element(remove)) {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR("<remove/> stands alone.")); /* section 3.2 */
    } else {
        account_remove(walk->turn, walk->account, on_done, iq_defer(walk));
    }
}

static const struct str register_disco[] = {STR_INIT("jabber:iq:register"), {NULL, 0}};

static const struct iq_handler register_iq[] = {
    {IQ_GET, TO(SELF) | TO(SERVER), STR_INIT("jabber:iq:register"), STR_INIT("query"), on_get},
    {IQ_SET, TO(SELF) | TO(SERVER), STR_INIT("jabber:iq:register"), STR_INIT("query"), on_set},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_register = {
    .name = "register",
    .spec = "XEP-0077",
    .version = "2.4",
    .text = "Creating an account before sign-in if the server is open; changing the password and removing the account "
            "after it.",
    .disco = register_disco,
    .iq = register_iq,
};
