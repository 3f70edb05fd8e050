/*
 * export.c: the owner of an account asks for all that it has, and is told an address where it is for a while:
 *
 *     <iq type='get'><export xmlns='urn:confab:export:0'/></iq>
 *     <iq type='result'><export xmlns='urn:confab:export:0' url='https://…' until='2026-01-01T00:10:00Z'/></iq>
 *
 * What lies there is in im/export.h and front/export.c. On the account's home.
 */
#include "im/export.h"

#include "base/codec.h"
#include "im/account.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/media.h"
#include "xmpp/ns.h"

enum { MINUTES = 10 };

static void on_get(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    const struct account *a = walk->account;
    const struct server *server = walk->im->server;
    if (!media_is_served(&server->options)) {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR("This server has no HTTP."));
        return;
    }
    int64_t until_us = (walk->turn->wall_us / 1000000 + MINUTES * 60) * 1000000;
    struct export_right right = {account_bare(a), a->generation, until_us};
    struct xml_node *el = xml_new(arena, NS_EXPORT, STR("export"));
    xml_set(arena, el, STR("url"), export_url(server, arena, &right));
    xml_set(arena, el, STR("until"), datetime_format(arena, until_us));
    iq_answer(walk, el);
}

static const struct str export_disco[] = {STR_INIT("urn:confab:export:0"), {NULL, 0}};

static const struct iq_handler export_iq[] = {
    {IQ_GET, TO(SELF), STR_INIT("urn:confab:export:0"), STR_INIT("export"), on_get},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_export = {
    .name = "export",
    .spec = "XEP-0227",
    .version = "1.1",
    .text = "An account's owner fetches all that it has, as one document, from an address that holds for ten minutes.",
    .disco_account = export_disco,
    .iq = export_iq,
};
