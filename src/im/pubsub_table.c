/* pubsub_table.c: what can be asked of publish-subscribe, by the element inside <pubsub/>. */
#include "im/pubsub_ops.h"

#include "xmpp/ns.h"

struct row {
    enum stanza_type type;
    bool of_owner; /* the namespace pubsub#owner */
    struct str name;
    struct pubsub_op op;
};

enum { READS = false, WRITES = true };

static const struct row rows[] = {
    {IQ_SET, false, STR_INIT("publish"), {WRITES, pubsub_publish, NULL}},
    {IQ_SET, false, STR_INIT("retract"), {WRITES, pubsub_retract, NULL}},
    {IQ_SET, false, STR_INIT("create"), {WRITES, pubsub_create, NULL}},
    {IQ_SET, false, STR_INIT("subscribe"), {WRITES, pubsub_subscribe, NULL}},
    {IQ_SET, false, STR_INIT("unsubscribe"), {WRITES, pubsub_unsubscribe, NULL}},
    {IQ_GET, false, STR_INIT("items"), {READS, pubsub_items, NULL}},
    {IQ_GET, false, STR_INIT("subscriptions"), {READS, pubsub_subscriptions, NULL}},
    {IQ_GET, false, STR_INIT("affiliations"), {READS, pubsub_affiliations, NULL}},
    {IQ_SET, true, STR_INIT("configure"), {WRITES, pubsub_configure_set, NULL}},
    {IQ_SET, true, STR_INIT("delete"), {WRITES, pubsub_delete, NULL}},
    {IQ_SET, true, STR_INIT("purge"), {WRITES, pubsub_purge, NULL}},
    {IQ_SET, true, STR_INIT("subscriptions"), {WRITES, pubsub_subscribers_set, NULL}},
    {IQ_SET, true, STR_INIT("affiliations"), {WRITES, pubsub_affiliates_set, NULL}},
    {IQ_GET, true, STR_INIT("configure"), {READS, pubsub_configure_get, NULL}},
    {IQ_GET, true, STR_INIT("default"), {READS, pubsub_default, NULL}},
    {IQ_GET, true, STR_INIT("subscriptions"), {READS, pubsub_subscribers_get, NULL}},
    {IQ_GET, true, STR_INIT("affiliations"), {READS, pubsub_affiliates_get, NULL}},
};

const struct pubsub_op pubsub_op_disco_items = {READS, pubsub_disco_items, NULL};
const struct pubsub_op pubsub_op_disco_info = {READS, pubsub_disco_info, NULL};

/* What goes along with another: it is never what is asked for. */
static bool is_beside(const struct xml_node *el) {
    return str_eq(el->name, STR("publish-options")) || str_eq(el->name, STR("options")) ||
           (str_eq(el->name, STR("configure")) && str_eq(el->ns, NS_PUBSUB));
}

const struct xml_node *pubsub_action(const struct xml_node *payload) {
    for (const struct xml_node *el = xml_first_element(payload); el; el = xml_next_element(el))
        if (str_eq(el->ns, payload->ns) && !is_beside(el)) return el;
    return NULL;
}

const struct pubsub_op *pubsub_op_of(enum stanza_type type, const struct xml_node *el) {
    bool of_owner = str_eq(el->ns, NS_PUBSUB_OWNER);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type && rows[i].of_owner == of_owner && str_eq(rows[i].name, el->name)) return &rows[i].op;
    return NULL;
}
