/* private.c: Private XML Storage (XEP-0049): an element for each name and namespace, for its owner alone. Programs keep their own small things there. */
#include "base/err.h"
#include "im/bookmarks.h"
#include "im/document.h"
#include "im/feature.h"
#include "im/iq.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum { NAME_MAX = 1024 };

/* Section 2.3: some namespaces are not for this. */
static bool is_reserved(struct str ns) {
    return !str_some(ns) || str_starts(ns, STR("jabber:")) || str_starts(ns, STR("http://jabber.org/")) ||
           str_eq(ns, NS_VCARD);
}

/* The one element that the request is about; NULL: it was refused. */
static const struct xml_node *element_of(struct walk *walk) {
    const struct xml_node *el = xml_first_element(walk->stanza.payload);
    if (!el || xml_next_element(el)) {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR("One element, please."));
        return NULL;
    }
    if (is_reserved(el->ns) || el->ns.len + el->name.len >= NAME_MAX) {
        iq_refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("That namespace is not for private things."));
        return NULL;
    }
    return el;
}

/* No namespace has a line feed: it could not be written. */
static struct str name_of(struct walk *walk, const struct xml_node *el) {
    return ARENA_CONCAT(walk->turn->arena, el->name, STR("\n"), el->ns);
}

static void on_found(struct turn *turn, struct iq_later **later, int err, struct str name, struct str xml,
                     int64_t changed_us) {
    (void)changed_us;
    struct arena *arena = turn->arena;
    struct xml_node *el = err ? NULL : document_tree(turn, xml);
    if (err == ERR_NOT_FOUND) {
        size_t at = str_index(name, '\n');
        el = xml_new(arena, arena_dup(arena, str_from(name, at + 1)), arena_dup(arena, str_first(name, at)));
    }
    if (!el) {
        iq_later_failed(turn, later, err ? err : ERR_STORE);
        return;
    }
    struct xml_node *query = xml_new(arena, NS_PRIVATE, STR("query"));
    xml_append(query, el);
    iq_later_answer(turn, later, query);
}

static void on_get(struct walk *walk) {
    const struct xml_node *el = element_of(walk);
    if (el && bookmarks_are(el))
        pubsub_submit(walk, &bookmarks_op_get);
    else if (el)
        document_get(walk, DOCUMENT_PRIVATE, name_of(walk, el), on_found);
}

static void on_set(struct walk *walk) {
    const struct options *o = &walk->im->server->options;
    const struct xml_node *el = element_of(walk);
    if (!el) return;
    struct str xml = document_is_empty(el) ? STR_NONE : xml_string(walk->turn->arena, el, STR_NONE);
    if (xml.len > (size_t)o->private_bytes)
        iq_refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("That is too large."));
    else if (bookmarks_are(el))
        pubsub_submit(walk, &bookmarks_op_set);
    else
        document_set(walk, DOCUMENT_PRIVATE, name_of(walk, el), xml, o->private_items);
}

static void on_others(struct walk *walk) {
    iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
}

/* Of nobody as of anybody. */
static bool forbids(const struct stanza *request) {
    return xml_is(request->payload, NS_PRIVATE, STR("query"));
}

static const struct str private_disco[] = {STR_INIT("jabber:iq:private"), {NULL, 0}};

static const struct iq_handler private_iq[] = {
    {IQ_GET, TO(SELF), STR_INIT("jabber:iq:private"), STR_INIT("query"), on_get},
    {IQ_SET, TO(SELF), STR_INIT("jabber:iq:private"), STR_INIT("query"), on_set},
    {IQ_GET, TO(ACCOUNT), STR_INIT("jabber:iq:private"), STR_INIT("query"), on_others},
    {IQ_SET, TO(ACCOUNT), STR_INIT("jabber:iq:private"), STR_INIT("query"), on_others},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_private = {
    .name = "private",
    .spec = "XEP-0049",
    .version = "1.2",
    .text = "Small things that programs keep for their user, by namespace; nobody else sees them.",
    .disco = private_disco,
    .disco_account = private_disco,
    .iq = private_iq,
    .forbids = forbids,
};
