/*
 * vcard.c: vcard-temp (XEP-0054): what an account tells about itself, to everybody whom it does not block, whether it is here or not. Who has no card
 * and who does not exist look the same.
 */
#include "im/avatar.h"
#include "im/feature.h"
#include "im/iq.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static void on_get(struct walk *walk) {
    pubsub_submit(walk, &avatar_op_card_get);
}

static void on_set(struct walk *walk) {
    const struct xml_node *card = walk->stanza.payload;
    struct str xml = xml_string(walk->turn->arena, card, STR_NONE);
    if (xml.len > (size_t)walk->im->server->options.vcard_bytes)
        iq_refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("The card is too large."));
    else
        pubsub_submit(walk, &avatar_op_card_set);
}

static enum verdict on_presence(struct walk *walk) {
    if (walk->account->avatar && walk->stanza.type == PRESENCE_AVAILABLE)
        walk->stanza.el = avatar_presence(walk->turn, walk->account, walk->stanza.el);
    return PASS;
}

static void on_set_others(struct walk *walk) {
    iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
}

/* Of nobody as of anybody. */
static bool forbids(const struct stanza *request) {
    return request->type == IQ_SET && xml_is(request->payload, NS_VCARD, STR("vCard"));
}

static const struct str vcard_disco[] = {STR_INIT("vcard-temp"), {NULL, 0}};

static const struct iq_handler vcard_iq[] = {
    {IQ_GET, TO(SELF) | TO(ACCOUNT), STR_INIT("vcard-temp"), STR_INIT("vCard"), on_get},
    {IQ_SET, TO(SELF), STR_INIT("vcard-temp"), STR_INIT("vCard"), on_set},
    {IQ_SET, TO(ACCOUNT), STR_INIT("vcard-temp"), STR_INIT("vCard"), on_set_others},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

static const struct str vcard_account_disco[] = {
    STR_INIT("vcard-temp"), STR_INIT("urn:xmpp:pep-vcard-conversion:0"), {NULL, 0}};

static const struct hook vcard_hooks[] = {
    {OUT, STANZA_PRESENCE, TO(SELF) | TO(ACCOUNT) | TO(FULL) | TO(ROOM) | TO(REMOTE), STAGE_STAMP, on_presence,
     "avatar-presence"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_vcard = {
    .name = "vcard",
    .spec = "XEP-0054, XEP-0084, XEP-0153, XEP-0398",
    .version = "1.3.0, 1.1.4, 1.1.1, 1.0.0",
    .text = "A card, kept by the server, for everybody whom its owner does not block.",
    .disco = vcard_disco,
    .disco_account = vcard_account_disco,
    .iq = vcard_iq,
    .hooks = vcard_hooks,
    .forbids = forbids,
};
