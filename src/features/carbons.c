/* carbons.c: Message Carbons (XEP-0280): switched on by each session that wants them, by IQ or in Bind 2; the copies are im/copy.c's. */
#include "im/copy.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/session.h"

static void on_enable(struct walk *walk) {
    copy_enable(walk->session);
    iq_answer(walk, NULL);
}

static void on_disable(struct walk *walk) {
    copy_disable(walk->session);
    iq_answer(walk, NULL);
}

static enum verdict on_delivered(struct walk *walk) {
    copy_received(walk);
    return PASS;
}

/*
 * Not urn:xmpp:carbons:rules:0, which promises section 6.1 to the letter: here <no-copy/> is respected by itself, any error is copied (what it
 * answers may have been), a headline never is, and the rules of rooms come with the rooms.
 */
static const struct str carbons_disco[] = {STR_INIT("urn:xmpp:carbons:2"), {NULL, 0}};

static const struct iq_handler carbons_iq[] = {
    {IQ_SET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:carbons:2"), STR_INIT("enable"), on_enable},
    {IQ_SET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:carbons:2"), STR_INIT("disable"), on_disable},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

static const struct hook carbons_hooks[] = {
    {IN, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_COPY, on_delivered, "carbons"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_carbons = {
    .name = "carbons",
    .spec = "XEP-0280",
    .version = "1.0.1",
    .text = "What another device sends or gets, after the commit and in the archive's order, with this archive's own "
            "stanza-id; "
            "private messages are not copied.",
    .disco = carbons_disco,
    .disco_account = carbons_disco,
    .iq = carbons_iq,
    .hooks = carbons_hooks,
};
