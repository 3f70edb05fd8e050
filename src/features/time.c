/* time.c: Entity Time (XEP-0202) of the server, in UTC: where it stands is nobody's business. */
#include "base/codec.h"
#include "im/feature.h"
#include "im/iq.h"
#include "xmpp/ns.h"

static void on_time(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *time = xml_new(arena, NS_TIME, STR("time"));
    xml_add_text(arena, xml_add(arena, time, STR_NONE, STR("tzo")), STR("+00:00"));
    xml_add_text(arena, xml_add(arena, time, STR_NONE, STR("utc")),
                 datetime_format(arena, walk->turn->wall_us / 1000 * 1000));
    iq_answer(walk, time);
}

static const struct str time_disco[] = {STR_INIT("urn:xmpp:time"), {NULL, 0}};

static const struct iq_handler time_iq[] = {
    {IQ_GET, TO(SERVER), STR_INIT("urn:xmpp:time"), STR_INIT("time"), on_time},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_time = {
    .name = "time",
    .spec = "XEP-0202",
    .version = "2.0",
    .text = "The server's clock.",
    .disco = time_disco,
    .iq = time_iq,
};
