/*
 * stanza.c: what the attributes of a stanza mean, and the few shapes in which stanzas are answered. Types, stanza
 * errors and stream errors are tables; nothing here knows a session. Pure; any thread.
 */
#include "xmpp/stanza.h"

#include "base/check.h"
#include "xmpp/ns.h"

/* --- names --- */

static const struct str kind_names[STANZA_KINDS] = {
    [STANZA_MESSAGE] = STR_INIT("message"), [STANZA_PRESENCE] = STR_INIT("presence"), [STANZA_IQ] = STR_INIT("iq")};

/* A name that is absent: the type of a stanza without the attribute, of which there is one a kind. */
static const struct {
    enum stanza_kind kind;
    struct str name;
} types[] = {
    [MESSAGE_NORMAL] = {STANZA_MESSAGE, {NULL, 0}},
    [MESSAGE_CHAT] = {STANZA_MESSAGE, STR_INIT("chat")},
    [MESSAGE_GROUPCHAT] = {STANZA_MESSAGE, STR_INIT("groupchat")},
    [MESSAGE_HEADLINE] = {STANZA_MESSAGE, STR_INIT("headline")},
    [MESSAGE_ERROR] = {STANZA_MESSAGE, STR_INIT("error")},
    [PRESENCE_AVAILABLE] = {STANZA_PRESENCE, {NULL, 0}},
    [PRESENCE_UNAVAILABLE] = {STANZA_PRESENCE, STR_INIT("unavailable")},
    [PRESENCE_SUBSCRIBE] = {STANZA_PRESENCE, STR_INIT("subscribe")},
    [PRESENCE_SUBSCRIBED] = {STANZA_PRESENCE, STR_INIT("subscribed")},
    [PRESENCE_UNSUBSCRIBE] = {STANZA_PRESENCE, STR_INIT("unsubscribe")},
    [PRESENCE_UNSUBSCRIBED] = {STANZA_PRESENCE, STR_INIT("unsubscribed")},
    [PRESENCE_PROBE] = {STANZA_PRESENCE, STR_INIT("probe")},
    [PRESENCE_ERROR] = {STANZA_PRESENCE, STR_INIT("error")},
    [IQ_GET] = {STANZA_IQ, STR_INIT("get")},
    [IQ_SET] = {STANZA_IQ, STR_INIT("set")},
    [IQ_RESULT] = {STANZA_IQ, STR_INIT("result")},
    [IQ_ERROR] = {STANZA_IQ, STR_INIT("error")},
};

static const struct {
    struct str name, type;
} stanza_errors[] = {[STANZA_ERR_NONE] = {{NULL, 0}, {NULL, 0}},
#define STANZA_ROW(id, text, kind) [STANZA_ERR_##id] = {STR_INIT(text), STR_INIT(kind)},
                     STANZA_ERROR_MAP(STANZA_ROW)
#undef STANZA_ROW
};

static const struct str stream_errors[] = {[STREAM_ERR_NONE] = {NULL, 0},
#define STREAM_ROW(id, text) [STREAM_ERR_##id] = STR_INIT(text),
                                           STREAM_ERROR_MAP(STREAM_ROW)
#undef STREAM_ROW
};

struct str stanza_error_name(enum stanza_error error) {
    return stanza_errors[error].name;
}

struct str stanza_error_type(enum stanza_error error) {
    return stanza_errors[error].type;
}

struct str stream_error_name(enum stream_error error) {
    return stream_errors[error];
}

struct str stanza_type_name(enum stanza_type type) {
    return types[type].name;
}

/* --- reading --- */

bool stanza_kind_of(const struct xml_node *el, enum stanza_kind *out) {
    for (enum stanza_kind kind = 0; kind < STANZA_KINDS; kind++) {
        if (!xml_is(el, NS_CLIENT, kind_names[kind])) continue;
        *out = kind;
        return true;
    }
    return false;
}

/* False: the kind has no such type. */
static bool type_read(enum stanza_kind kind, struct str name, enum stanza_type *out) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool same = name.p ? types[i].name.p && str_eq(types[i].name, name) : !types[i].name.p;
        if (types[i].kind == kind && same) {
            *out = (enum stanza_type)i;
            return true;
        }
    }
    return false;
}

/* An unknown type: of a message it is no type (RFC 6121, 5.2.2), else it is an error that can be answered. */
static enum stanza_error read_type(struct stanza *s) {
    static const enum stanza_type fallback[STANZA_KINDS] = {
        [STANZA_MESSAGE] = MESSAGE_NORMAL, [STANZA_PRESENCE] = PRESENCE_AVAILABLE, [STANZA_IQ] = IQ_GET};
    if (type_read(s->kind, xml_attr(s->el, STR("type")), &s->type)) return STANZA_ERR_NONE;
    s->type = fallback[s->kind];
    return s->kind == STANZA_MESSAGE ? STANZA_ERR_NONE : STANZA_ERR_BAD_REQUEST;
}

/* An address that is there must be sound. */
static enum stanza_error read_address(struct arena *arena, const struct xml_node *el, struct str name,
                                      struct jid *out) {
    struct str text = xml_attr(el, name);
    if (!text.p) return STANZA_ERR_NONE;
    return jid_parse(arena, text, out) ? STANZA_ERR_JID_MALFORMED : STANZA_ERR_NONE;
}

/* RFC 6120, 8.2.3. */
static enum stanza_error read_iq(struct stanza *s) {
    s->payload = xml_first_element(s->el);
    bool asks = s->type == IQ_GET || s->type == IQ_SET;
    bool one_child = s->payload && !xml_next_element(s->payload);
    if (s->type == IQ_ERROR) s->payload = NULL;
    if (!str_some(s->id)) return STANZA_ERR_BAD_REQUEST;
    return asks && !one_child ? STANZA_ERR_BAD_REQUEST : STANZA_ERR_NONE;
}

enum stanza_error stanza_read(struct arena *arena, const struct xml_node *el, struct stanza *out) {
    struct stanza s = {.el = el, .id = xml_attr(el, STR("id"))};
    CHECK(stanza_kind_of(el, &s.kind));
    enum stanza_error found[4] = {STANZA_ERR_NONE}, first = STANZA_ERR_NONE;
    found[0] = read_type(&s); /* first, for read_iq asks for it */
    found[1] = read_address(arena, el, STR("from"), &s.from);
    found[2] = read_address(arena, el, STR("to"), &s.to);
    if (s.kind == STANZA_IQ) found[3] = read_iq(&s);
    for (size_t i = 0; i < 4 && !first; i++) first = found[i];
    *out = s;
    return first;
}

bool stanza_is_answer(const struct stanza *s) {
    return s->type == MESSAGE_ERROR || s->type == PRESENCE_ERROR || s->type == IQ_ERROR || s->type == IQ_RESULT;
}

/* --- answering --- */

static struct str jid_or_none(struct jid j) {
    return jid_some(j) ? jid_str(j) : STR_NONE;
}

/* The top of an answer: same kind and id, addresses exchanged. */
static struct xml_node *answer_new(struct arena *arena, const struct stanza *s, struct str type) {
    struct xml_node *el = xml_new(arena, NS_CLIENT, kind_names[s->kind]);
    xml_set(arena, el, STR("type"), type);
    xml_set(arena, el, STR("id"), s->id);
    xml_set(arena, el, STR("from"), jid_or_none(s->to));
    return xml_set(arena, el, STR("to"), jid_or_none(s->from));
}

struct xml_node *stanza_error_reply(struct arena *arena, const struct stanza *s, enum stanza_error error,
                                    struct str text) {
    CHECK(!stanza_is_answer(s) && error != STANZA_ERR_NONE);
    struct xml_node *el = answer_new(arena, s, STR("error"));
    struct xml_node *e = xml_add(arena, el, NS_CLIENT, STR("error"));
    xml_set(arena, e, STR("type"), stanza_error_type(error));
    xml_add(arena, e, NS_STANZA_ERRORS, stanza_error_name(error));
    if (text.p) xml_add_text(arena, xml_add(arena, e, NS_STANZA_ERRORS, STR("text")), text);
    return el;
}

struct xml_node *iq_result(struct arena *arena, const struct stanza *s) {
    CHECK(s->kind == STANZA_IQ && !stanza_is_answer(s));
    return answer_new(arena, s, STR("result"));
}

struct xml_node *stanza_readdress(struct arena *arena, const struct xml_node *el, struct jid from, struct jid to) {
    struct xml_node *copy = xml_copy_shallow(arena, el);
    xml_set(arena, copy, STR("from"), jid_or_none(from));
    return xml_set(arena, copy, STR("to"), jid_or_none(to));
}

struct xml_node *stream_error_node(struct arena *arena, enum stream_error error, struct str text) {
    CHECK(error != STREAM_ERR_NONE);
    struct xml_node *el = xml_new(arena, NS_STREAM, STR("error"));
    xml_add(arena, el, NS_STREAM_ERRORS, stream_error_name(error));
    if (text.p) xml_add_text(arena, xml_add(arena, el, NS_STREAM_ERRORS, STR("text")), text);
    return el;
}
