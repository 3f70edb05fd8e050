/* crossing.c: see crossing.h. Written on the sender's home, opened on the recipient's; a debt's is made before the threads start. */
#include "im/crossing.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/account.h"
#include "im/copy.h"
#include "im/quiet.h"
#include "im/router.h"

static char *text_add(char *at, struct str s) {
    if (s.len) memcpy(at, s.p, s.len);
    return at + s.len;
}

struct msg_stanza *crossing_new(const struct stanza *s, struct jid to) {
    struct str address = jid_str(to), from = jid_some(s->from) ? jid_str(s->from) : STR("");
    struct wire *wire = wire_from(s->el);
    size_t text_len = address.len + from.len + s->id.len;
    struct msg_stanza *m = msg_new(MSG_STANZA, sizeof *m + text_len, wire->len);
    m->wire = wire;
    m->kind = (uint8_t)s->kind;
    m->type = (uint8_t)s->type;
    m->to_len = (uint16_t)address.len;
    m->from_len = (uint16_t)from.len;
    m->id_len = (uint32_t)s->id.len;
    m->has_id = s->id.p != NULL;
    m->copied = s->kind == STANZA_MESSAGE && copy_is_due(s);
    m->fleeting = s->kind == STANZA_MESSAGE && quiet_drops(s);
    text_add(text_add(text_add(m->text, address), from), s->id);
    return m;
}

struct msg_stanza *crossing_of_bytes(struct arena *arena, struct str bytes, struct jid to) {
    struct stanza stanza;
    struct xml_node *el = xml_parse_own(arena, bytes);
    if (!el || stanza_read(arena, el, &stanza) != STANZA_ERR_NONE) return NULL;
    return crossing_new(&stanza, to);
}

void crossing_add(struct msg_stanza *m, struct str child) {
    struct wire *without = m->wire;
    m->wire = wire_with_child(without, child);
    m->msg.bytes += (uint32_t)child.len;
    wire_unref(&without);
}

void crossing_free(struct msg_stanza **m) {
    struct msg_stanza *dropped = *m;
    *m = NULL;
    if (!dropped) return;
    wire_unref(&dropped->wire);
    free(dropped);
}

/* A message is delivered by what stands beside it, and so is a request that goes on to a session; a room looks into all. */
static bool is_looked_into(const struct walk *walk) {
    return walk->target == TO_ROOM || walk->stanza.kind == STANZA_PRESENCE ||
           (walk->stanza.kind == STANZA_IQ && walk->target != TO_FULL);
}

void crossing_open(struct turn *turn, struct msg_stanza *m, struct account *account, struct walk *out) {
    *out = (struct walk){.turn = turn,
                         .im = im_of(turn),
                         .direction = IN,
                         .account = account,
                         .crossing = m,
                         .origin = m->origin,
                         .kept = m->kept,
                         .offline = m->offline,
                         .row_flags = m->row_flags,
                         .passing = m->passing,
                         .sender_account = m->sender_account,
                         .out_sequence = m->out_sequence,
                         .origin_hash = m->origin_hash,
                         .about_hash = m->about_hash,
                         .owed = m->owed};
    out->stanza.kind = (enum stanza_kind)m->kind;
    out->stanza.type = (enum stanza_type)m->type;
    out->stanza.to = jid_trusted(crossing_to(m));
    if (m->from_len) out->stanza.from = jid_trusted(crossing_from(m));
    if (m->has_id) out->stanza.id = str_of(m->text + m->to_len + m->from_len, m->id_len);
    out->target = router_target(out->im, out->stanza.to, out->stanza.from);
    if (!is_looked_into(out)) return;
    out->stanza.el = xml_parse_own(turn->arena, str_of(m->wire->bytes, m->wire->len));
    CHECK(out->stanza.el != NULL);
    if (m->kind == STANZA_IQ && m->type != IQ_ERROR) out->stanza.payload = xml_first_element(out->stanza.el);
}
