/* quiet.c: see quiet.h. What must hold: a held presence is never older than one that was sent, and so few are held that sending them is no long turn. */
#include "im/quiet.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/session.h"
#include "xmpp/ns.h"

enum { HELD_MAX = 500 };

struct held {
    struct wire *wire;
    uint16_t from_len;
    char from[];
};

static void held_free(struct held *h) {
    wire_unref(&h->wire);
    free(h);
}

void quiet_begin(struct session *s) {
    s->quiet = true;
}

bool quiet_takes(struct turn *turn, struct session *s, struct jid from, struct wire *wire) {
    if (!s->quiet || str_eq(jid_str(from), session_full(s))) return false; /* its own comes back to it */
    struct held *h = map_get(&s->held, jid_str(from));
    if (h) {
        wire_unref(&h->wire);
        h->wire = wire_ref(wire);
        return true;
    }
    if (map_count(&s->held) >= HELD_MAX) quiet_flush(turn, s);
    h = malloc(sizeof *h + jid_str(from).len);
    CHECK(h != NULL);
    h->wire = wire_ref(wire);
    h->from_len = (uint16_t)jid_str(from).len;
    memcpy(h->from, jid_str(from).p, h->from_len);
    map_put(&s->held, str_of(h->from, h->from_len), h);
    return true;
}

void quiet_flush(struct turn *turn, struct session *s) {
    struct map held = s->held;
    s->held = (struct map)MAP_INIT; /* session_send looks at it */
    size_t at = 0;
    for (struct held *h; (h = map_next(&held, &at));) {
        session_send(turn, s, h->wire, 0);
        held_free(h);
    }
    map_free(&held);
}

void quiet_end(struct turn *turn, struct session *s) {
    s->quiet = false;
    quiet_flush(turn, s);
}

void quiet_forget(struct session *s) {
    size_t at = 0;
    for (struct held *h; (h = map_next(&s->held, &at));) held_free(h);
    map_free(&s->held);
}

bool quiet_drops(const struct stanza *m) {
    bool types = false;
    if (m->type == MESSAGE_ERROR) return false;
    for (const struct xml_node *c = xml_first_element(m->el); c; c = xml_next_element(c)) {
        if (str_eq(c->ns, NS_CHATSTATES)) {
            types = true;
        } else if (!str_eq(c->ns, NS_HINTS) && !str_eq(c->ns, NS_SID) && !str_eq(c->name, STR("thread"))) {
            return false;
        }
    }
    return types;
}
