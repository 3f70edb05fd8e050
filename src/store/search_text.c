/* search_text.c: from a stored stanza to its words. Any thread. */
#include "store/search_text.h"

#include "xml/parser.h"
#include "xmpp/ns.h"

static bool is_encrypted(const struct xml_node *message) {
    static const struct str ns[] = {
        STR_INIT("urn:xmpp:eme:0"),     STR_INIT("eu.siacs.conversations.axolotl"),
        STR_INIT("urn:xmpp:omemo:1"),   STR_INIT("urn:xmpp:omemo:2"),
        STR_INIT("urn:xmpp:openpgp:0"), STR_INIT("jabber:x:encrypted"),
    };
    for (const struct xml_node *c = xml_first_element(message); c; c = xml_next_element(c))
        for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
            if (str_eq(c->ns, ns[i])) return true;
    return false;
}

struct terms search_text(struct arena *arena, struct str stanza) {
    struct terms none = {NULL, 0};
    const struct xml_node *el = xml_parse_own(arena, stanza);
    if (!el || is_encrypted(el)) return none;
    struct str text = STR_NONE;
    for (const struct xml_node *b = xml_child(el, NS_CLIENT, STR("body")); b; b = xml_again(b)) {
        struct str body = xml_text(arena, b);
        text = text.p ? ARENA_CONCAT(arena, text, STR("\n"), body) : body;
    }
    return text.p ? terms_read(arena, text) : none;
}
