/*
 * client.c: a program that somebody uses: signs in as the gate would hand it over, binds or resumes, counts what it sends and gets
 * (XEP-0198) and is honest about it, sends again what nobody acknowledged, with the same ids, and reads its archive page by page.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

/* --- sessions --- */

static void record_new(struct client *c, struct str full) {
    struct record *r = calloc(1, sizeof *r);
    CHECK(r != NULL && full.len < sizeof r->full);
    r->seen = calloc(NOTES_MAX, sizeof *r->seen);
    CHECK(r->seen != NULL);
    r->client = c;
    memcpy(r->full, full.p, full.len);
    r->next = c->world->records;
    c->world->records = r;
    if (c->record) c->record->over = true;
    c->record = c->cable->record = r;
    c->page_question = -1;
    c->page_count = 0;
    for (; c->answer_count > 0;) free((char *)(uintptr_t)c->answers[--c->answer_count].p);
}

static void record_enabled(struct record *r, const struct xml_node *enabled) {
    struct str id = xml_attr(enabled, STR("id"));
    CHECK(id.len < sizeof r->previd);
    if (id.len) memcpy(r->previd, id.p, id.len);
    r->counts = true;
}

static uint32_t h_of(const struct xml_node *el) {
    unsigned long long h = 0;
    CHECK(str_to_u64(xml_attr(el, STR("h")), UINT32_MAX, &h));
    return (uint32_t)h;
}

/* The server has handled that many. */
static void record_acknowledged(struct record *r, uint32_t h) {
    for (; r->acked < h; r->acked++) {
        struct sent *s = &r->sent[r->acked];
        if (s->note) s->note->acked = true;
        free((char *)(uintptr_t)s->bytes.p);
        s->bytes = STR_NONE;
    }
}

static void record_got(struct record *r, struct note *n) {
    if (r->got_count == r->got_cap) {
        r->got_cap = r->got_cap ? r->got_cap * 2 : 32;
        r->got = realloc(r->got, r->got_cap * sizeof(struct note *));
        CHECK(r->got != NULL);
    }
    r->got[r->got_count++] = n;
}

static void record_prove(struct record *r) {
    for (; r->proven < r->got_count; r->proven++)
        if (r->got[r->proven]) r->got[r->proven]->proven = true;
}

struct str client_address(const struct client *c) {
    return c->record ? str_c(c->record->full) : STR_NONE;
}

/* --- writing --- */

static void client_put(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void client_put(struct client *c, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(len > 0 && (size_t)len < sizeof text);
    cable_send(c->cable, LINE_ELEMENT, str_of(text, (size_t)len));
}

static struct str heap_copy(struct str s) {
    char *copy = malloc(s.len);
    CHECK(copy != NULL);
    memcpy(copy, s.p, s.len);
    return str_of(copy, s.len);
}

void client_send(struct client *c, struct str bytes, struct note *note) {
    struct record *r = c->record;
    if (r->counts) {
        if (r->sent_count == r->sent_cap) {
            r->sent_cap = r->sent_cap ? r->sent_cap * 2 : 32;
            r->sent = realloc(r->sent, r->sent_cap * sizeof *r->sent);
            CHECK(r->sent != NULL);
        }
        r->sent[r->sent_count++] = (struct sent){note, heap_copy(bytes)};
    }
    world_tell(c->world, "%s sends %.*s", r->full, STR_FMT(bytes));
    cable_send(c->cable, LINE_ELEMENT, bytes);
}

void client_acknowledge(struct client *c) {
    struct record *r = c->record;
    c->wants_ack = false;
    record_prove(r);
    client_put(c, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", r->got_count);
}

void client_ask(struct client *c) {
    if (c->record->counts && c->record->acked < c->record->sent_count) client_put(c, "<r xmlns='urn:xmpp:sm:3'/>");
}

void client_answer(struct client *c) {
    if (c->answer_count == 0) return;
    struct str first = c->answers[0];
    memmove(c->answers, c->answers + 1, --c->answer_count * sizeof *c->answers);
    if (!c->record->counts) record_prove(c->record); /* it may be the answer to a ping */
    client_send(c, first, NULL);
    free((char *)(uintptr_t)first.p);
}

static void note_send(struct note *n) {
    char text[1024], id[32];
    if (!n->sent && n->from != n->to) n->must_refuse = n->to->blocks[n->from->index] || n->from->blocks[n->to->index];
    snprintf(id, sizeof id, "m%u", n->number);
    int len = snprintf(text, sizeof text,
                       "<message xmlns='jabber:client' to='%s' type='chat' id='%s'><body>%s</body>"
                       "<origin-id xmlns='urn:xmpp:sid:0' id='%s'/>%s",
                       n->to_address, id, id, id, n->kept ? "" : "<no-store xmlns='urn:xmpp:hints'/>");
    if (n->forged)
        len += snprintf(text + len, sizeof text - (size_t)len,
                        "<stanza-id xmlns='urn:xmpp:sid:0' by='%s' id='forged'/>", n->to->bare);
    len += snprintf(text + len, sizeof text - (size_t)len, "</message>");
    CHECK((size_t)len < sizeof text);
    n->resent = n->sent;
    n->sent = true;
    n->in = n->by->record;
    client_send(n->by, str_of(text, (size_t)len), n);
}

void client_flush(struct client *c) {
    struct world *w = c->world;
    for (unsigned i = 0; i < w->note_count; i++) {
        struct note *n = &w->notes[i];
        if (n->by != c || n->acked || n->failed || n->in == c->record) continue;
        if (n->sent && c->kind == CLIENT_OLD_UNCOUNTED) continue; /* it does not know what arrived */
        note_send(n);
    }
}

/* --- signing in --- */

static struct str adopt_request(struct client *c, char *out, size_t size) {
    const struct record *r = c->record;
    int len = snprintf(out, size, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'><user-agent id='%s-%u'/>",
                       c->person->bare, c->index);
    if (r && r->previd[0])
        len += snprintf(out + len, size - (size_t)len, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%u'/>", r->previd,
                        r->got_count);
    len += snprintf(out + len, size - (size_t)len,
                    "<bind xmlns='urn:xmpp:bind:0'><tag>sim</tag>"
                    "<enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>");
    CHECK((size_t)len < size);
    return str_of(out, (size_t)len);
}

void client_connect(struct client *c) {
    struct world *w = c->world;
    char text[512];
    bool modern = c->kind == CLIENT_MODERN;
    struct str bare = str_c(c->person->bare), request = modern ? adopt_request(c, text, sizeof text) : STR_NONE;
    struct msg_adopt *m = msg_new(MSG_ADOPT, sizeof *m + bare.len + request.len, 0);
    memcpy(m->text, bare.p, bare.len);
    if (request.len) memcpy(m->text + bare.len, request.p, request.len);
    m->bare = str_of(m->text, bare.len);
    m->inline_request = str_of(m->text + bare.len, request.len);
    m->generation = c->person->generation;
    m->sasl2 = modern;
    c->cable = cable_new(w, c);
    c->cable->record = c->record;
    m->peer = &c->cable->peer;
    c->state = CLIENT_SIGNING;
    c->wants_ack = c->is_leaving = false;
    if (modern && c->record) record_prove(c->record); /* the server may take its h at once */
    world_tell(w, "%s/%u connects", c->person->bare, c->index);
    world_post(w, FROM_GATE, home_of(&w->hub, bare), &m->msg);
}

static void client_is_here(struct client *c) {
    c->state = CLIENT_HERE;
    c->is_caught_up = false;
    client_send(c, STR("<presence xmlns='jabber:client'/>"), NULL);
    if (c->kind == CLIENT_MODERN && one_in(c->world, 2)) plan_page(c);
    client_flush(c);
}

static void client_resumed(struct client *c, const struct xml_node *resumed) {
    struct record *r = c->record;
    record_acknowledged(r, h_of(resumed));
    c->state = CLIENT_HERE;
    c->cable->record = r;
    for (uint32_t i = r->acked; i < r->sent_count; i++) cable_send(c->cable, LINE_ELEMENT, r->sent[i].bytes);
    client_flush(c);
}

static void on_success2(struct client *c, const struct xml_node *el) {
    const struct xml_node *resumed = xml_child(el, NS_SM, STR("resumed"));
    const struct xml_node *bound = xml_child(el, NS_BIND2, STR("bound"));
    if (resumed) {
        client_resumed(c, resumed);
        return;
    }
    CHECK(bound != NULL);
    record_new(c, xml_child_text(c->world->scratch, el, NS_SASL2, STR("authorization-identifier")));
    record_enabled(c->record, xml_child(bound, NS_SM, STR("enabled")));
    client_is_here(c);
}

/* --- RFC 6120: success, header, features, then resume or bind --- */

static void client_bind(struct client *c) {
    client_put(c,
               "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
}

static void on_features(struct client *c) {
    const struct record *r = c->record;
    if (c->state != CLIENT_SIGNING) return;
    c->state = CLIENT_BINDING;
    if (r && r->previd[0]) {
        record_prove(c->record);
        client_put(c, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%u'/>", r->previd, r->got_count);
    } else {
        client_bind(c);
    }
}

static void on_bound(struct client *c, const struct xml_node *iq) {
    const struct xml_node *bind = xml_child(iq, NS_BIND, STR("bind"));
    CHECK(bind != NULL);
    record_new(c, xml_child_text(c->world->scratch, bind, NS_BIND, STR("jid")));
    if (c->kind == CLIENT_OLD) {
        client_put(c, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    } else {
        client_is_here(c);
    }
}

/* --- reading --- */

static void on_management(struct client *c, const struct xml_node *el) {
    if (str_eq(el->name, STR("r"))) {
        c->wants_ack = true;
    } else if (str_eq(el->name, STR("a"))) {
        record_acknowledged(c->record, h_of(el));
    } else if (str_eq(el->name, STR("enabled"))) {
        record_enabled(c->record, el);
        client_is_here(c);
    } else if (str_eq(el->name, STR("resumed"))) {
        client_resumed(c, el);
    } else if (str_eq(el->name, STR("failed"))) {
        client_bind(c);
    }
}

/* Its answer waits among those that it will give. */
static void on_request(struct client *c, const struct xml_node *iq) {
    char text[512];
    unsigned long long number;
    struct str from = xml_attr(iq, STR("from")), id = xml_attr(iq, STR("id"));
    int len = snprintf(text, sizeof text, "<iq xmlns='jabber:client' type='result' id='%.*s' to='%.*s'/>", STR_FMT(id),
                       STR_FMT(from));
    CHECK((size_t)len < sizeof text);
    if (id.len > 1 && id.p[0] == 'q' && str_to_u64(str_from(id, 1), QUESTIONS_MAX, &number))
        c->world->questions[number].was_read = true;
    if (c->answer_count == sizeof c->answers / sizeof *c->answers) client_answer(c);
    c->answers[c->answer_count++] = heap_copy(str_of(text, (size_t)len));
}

static void on_row(struct client *c, const struct xml_node *result) {
    const struct xml_node *forwarded = xml_child(result, NS_FORWARD, STR("forwarded"));
    const struct xml_node *message = forwarded ? xml_child(forwarded, NS_CLIENT, STR("message")) : NULL;
    struct note *n = message ? promise_note(c->world, message) : NULL;
    struct str id = xml_attr(result, STR("id"));
    CHECK(n != NULL && id.len < sizeof c->page_last);
    if (c->page_question < 0) return; /* of a page that was asked for by a session that is no more */
    c->page[c->page_count++] = n;
    memcpy(c->page_last, id.p, id.len);
    c->page_last[id.len] = 0;
}

/* The page is whole, or was given up. */
static void on_page(struct client *c, const struct xml_node *iq) {
    const struct xml_node *fin = xml_child(iq, NS_MAM, STR("fin"));
    c->page_question = -1;
    if (fin) {
        for (unsigned i = 0; i < c->page_count; i++) {
            if (c->page[i]->to == c->person) c->page[i]->received = c->page[i]->proven = true;
            c->read[c->read_count++] = c->page[i];
        }
        if (c->page_count) memcpy(c->after, c->page_last, sizeof c->after);
        c->is_caught_up = str_eq(xml_attr(fin, STR("complete")), STR("true"));
    } else if (xml_child(xml_child(iq, NS_CLIENT, STR("error")), NS_STANZA_ERRORS, STR("item-not-found"))) {
        world_fail(c->world, "%s: the row it read last is not known any more", c->record->full);
    }
    c->page_count = 0;
}

static void on_iq(struct client *c, const struct xml_node *iq) {
    struct str type = xml_attr(iq, STR("type")), id = xml_attr(iq, STR("id"));
    if (str_eq(type, STR("get")) || str_eq(type, STR("set"))) {
        on_request(c, iq);
        return;
    }
    struct question *q = promise_answered(c, id);
    if (!q) return;
    if (q->about == QUESTION_PAGE) on_page(c, iq);
    if (!q->blocked) return;
    c->person->block_busy[q->blocked->index] = false;
    c->person->blocks[q->blocked->index] = q->about == QUESTION_BLOCK && str_eq(type, STR("result"));
}

static struct note *on_message(struct client *c, const struct xml_node *el) {
    const struct xml_node *result = xml_child(el, NS_MAM, STR("result"));
    if (result) {
        on_row(c, result);
        return NULL;
    }
    struct note *n = promise_note(c->world, el);
    if (str_eq(xml_attr(el, STR("type")), STR("error"))) {
        if (n && n->by == c) n->failed = true;
        return NULL;
    }
    if (n) promise_read(c, n, xml_child(el, NS_DELAY, STR("delay")) != NULL);
    return n;
}

static void on_stanza(struct client *c, const struct xml_node *el) {
    if (c->state == CLIENT_BINDING && str_eq(xml_attr(el, STR("id")), STR("bind"))) {
        on_bound(c, el);
        return;
    }
    CHECK(c->record != NULL);
    struct note *n = str_eq(el->name, STR("message")) ? on_message(c, el) : NULL;
    if (c->record->counts || c->kind == CLIENT_OLD_UNCOUNTED)
        record_got(c->record, n);
    else if (n)
        n->proven = true; /* before it counted: the answer to a ping will prove it, and it has been read */
    if (str_eq(el->name, STR("iq"))) on_iq(c, el);
}

static void client_element(struct client *c, const struct xml_node *el) {
    if (xml_is(el, NS_SASL2, STR("success"))) {
        on_success2(c, el);
    } else if (xml_is(el, NS_SASL, STR("success"))) {
        cable_send(c->cable, LINE_HEADER, STR_NONE);
    } else if (xml_is(el, NS_STREAM, STR("features"))) {
        if (c->kind != CLIENT_MODERN) on_features(c);
    } else if (str_eq(el->ns, NS_SM)) {
        on_management(c, el);
    } else if (str_eq(el->ns, NS_CLIENT)) {
        on_stanza(c, el);
    } else {
        world_fail(c->world, "%s/%u cannot sign in: {%.*s}%.*s", c->person->bare, c->index, STR_FMT(el->ns),
                   STR_FMT(el->name));
    }
}

static void client_is_away(struct client *c) {
    if (c->record && !c->record->previd[0]) c->record->over = true;
    c->cable->client_gone = true;
    c->cable = NULL;
    c->state = CLIENT_AWAY;
    c->is_leaving = false;
}

bool client_read(struct client *c) {
    struct line *l = c->cable ? cable_receive(c->cable) : NULL;
    if (!l) return false;
    struct arena_mark mark = arena_mark(c->world->scratch);
    world_tell(c->world, "%s/%u reads %.*s", c->person->bare, c->index, (int)l->len, l->bytes);
    if (l->kind == LINE_END) {
        client_is_away(c);
    } else {
        client_element(c, cable_parse(c->world->scratch, str_of(l->bytes, l->len)));
        if (c->is_leaving && c->record) record_prove(c->record);
    }
    arena_release(c->world->scratch, mark);
    free(l);
    return true;
}

void client_drop(struct client *c) {
    world_tell(c->world, "%s/%u loses its connection", c->person->bare, c->index);
    struct cable *cable = c->cable;
    client_is_away(c);
    cable_cut(cable);
}

void client_leave(struct client *c) {
    world_tell(c->world, "%s/%u signs out", c->person->bare, c->index);
    cable_send(c->cable, LINE_END, STR_NONE);
    c->is_leaving = true;
    if (!c->record) return;
    c->record->previd[0] = 0;
    record_prove(c->record);
}
