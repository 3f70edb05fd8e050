/* mam.c: Message Archive Management (XEP-0313 urn:xmpp:mam:2): queries of one's own archive (im/archive_page.h). */
#include "im/account.h"
#include "im/archive_page.h"
#include "im/archive_request.h"
#include "im/feature.h"
#include "im/iq.h"
#include "xmpp/ns.h"

static struct archive_place own_place(const struct walk *walk) {
    return (
        struct archive_place){.owner = walk->account->id, .bare = account_bare(walk->account), .knows_people = true};
}

static void on_query(struct walk *walk) {
    struct archive_place place = own_place(walk);
    archive_page_query(walk, &place);
}

static void on_metadata(struct walk *walk) {
    struct archive_place place = own_place(walk);
    archive_page_metadata(walk, &place);
}

/* What can be asked for. */
static void on_form(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_MAM, STR("query"));
    xml_append(query, archive_request_form(arena, walk->account->id));
    iq_answer(walk, query);
}

/* Accounts have archives, the server has none; but Profanity (0.13) asks nobody else, and reads no archive that is not named here. */
static const struct str mam_disco_server[] = {STR_INIT("urn:xmpp:mam:2"), {NULL, 0}};
static const struct str mam_disco[] = {
    STR_INIT("urn:xmpp:mam:2"), STR_INIT("urn:xmpp:mam:2#extended"), STR_INIT("urn:xmpp:fulltext:0"), {NULL, 0}};

static const struct iq_handler mam_iq[] = {
    {IQ_SET, TO(SELF), STR_INIT("urn:xmpp:mam:2"), STR_INIT("query"), on_query},
    {IQ_GET, TO(SELF), STR_INIT("urn:xmpp:mam:2"), STR_INIT("query"), on_form},
    {IQ_GET, TO(SELF), STR_INIT("urn:xmpp:mam:2"), STR_INIT("metadata"), on_metadata},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_mam = {
    .name = "mam",
    .spec = "XEP-0313, XEP-0059, XEP-0431",
    .version = "1.1.3, 1.0, 0.2.0",
    .text = "Queries of one's own archive by time, person, words, id and page; exact, and never ahead of what is still "
            "being written.",
    .disco = mam_disco_server,
    .disco_account = mam_disco,
    .iq = mam_iq,
};
