/* version.c: Software Version (XEP-0092) of the server. The operating system is nobody's business. */
#include "im/feature.h"
#include "im/iq.h"
#include "xmpp/ns.h"

static void on_version(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_VERSION, STR("query"));
    xml_add_text(arena, xml_add(arena, query, STR_NONE, STR("name")), STR("Confab"));
    xml_add_text(arena, xml_add(arena, query, STR_NONE, STR("version")), STR(CONFAB_VERSION));
    iq_answer(walk, query);
}

static const struct str version_disco[] = {STR_INIT("jabber:iq:version"), {NULL, 0}};

static const struct iq_handler version_iq[] = {
    {IQ_GET, TO(SERVER), STR_INIT("jabber:iq:version"), STR_INIT("query"), on_version},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_version = {
    .name = "version",
    .spec = "XEP-0092",
    .version = "1.1",
    .text = "Name and version of the server.",
    .disco = version_disco,
    .iq = version_iq,
};
