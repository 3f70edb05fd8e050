/*
 * fuzz_stanza.c: whatever element comes, reading it as a stanza, a form and a page request ends well, and every answer
 * that is made of it is well-formed, addressed to where it came from, and never answered itself.
 */
#include "fuzz.h"

#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"
#include "xmpp/stanza.h"

static const struct xml_limits limits = {.bytes_max = 1 << 20, .depth_max = 32, .attrs_max = 64, .children_max = 4096};
static const struct xml_scope scope = {.default_ns = STR_INIT("jabber:client")};

static void check_reply(struct arena *arena, const struct stanza *to, const struct xml_node *reply) {
    struct xml_node *n = NULL;
    struct stanza s;
    MUST(xml_parse(arena, xml_string(arena, reply, NS_CLIENT), &scope, &limits, &n) == XML_OK);
    enum stanza_error error = stanza_read(arena, n, &s);
    /* An IQ without id cannot have an answer with one. */
    MUST(error == STANZA_ERR_NONE || (to->kind == STANZA_IQ && !str_some(to->id)));
    MUST(s.kind == to->kind && stanza_is_answer(&s) && str_eq(s.id, to->id));
    MUST(jid_eq(s.from, to->to) && jid_eq(s.to, to->from));
}

static void check_payload(struct arena *arena, const struct xml_node *n) {
    struct rsm_query q;
    if (rsm_read(arena, n, &q) == 0) {
        struct xml_node *fin = xml_new(arena, NS_MAM, STR("fin"));
        rsm_add(arena, fin, q.after, q.before, q.index, q.max);
    }
    const struct xml_node *x = xml_child(n, NS_DATA, STR("x"));
    if (!x) return;
    struct str type = form_type(arena, x);
    if (type.p) MUST(str_eq(form_value(arena, form_field(x, STR("FORM_TYPE"))), type));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct arena *arena = arena_new();
    struct xml_node *n = NULL;
    struct stanza s;
    enum stanza_kind kind;
    if (len <= 4096 && xml_parse(arena, str_of(data, len), &scope, &limits, &n) == XML_OK && stanza_kind_of(n, &kind)) {
        enum stanza_error error = stanza_read(arena, n, &s);
        MUST(s.kind == kind && s.el == n);
        if (!stanza_is_answer(&s)) {
            check_reply(arena, &s, stanza_error_reply(arena, &s, error ? error : STANZA_ERR_CONFLICT, STR("t")));
            if (kind == STANZA_IQ) check_reply(arena, &s, iq_result(arena, &s));
        }
        if (kind == STANZA_IQ && !error && s.payload) check_payload(arena, s.payload);
        struct xml_node *moved = stanza_readdress(arena, n, s.to, s.from);
        MUST(str_eq(xml_attr(moved, STR("to")), jid_str(s.from)) && str_eq(xml_attr(moved, STR("id")), s.id));
    }
    arena_free(&arena);
    return 0;
}
