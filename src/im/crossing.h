/*
 * crossing.h: a stanza between two homes, also when they are the same. It crosses as a wire, written once and read by its last reader
 * as it is: the facts that the recipient's home decides by stand beside it, so that a message is not parsed again.
 */
#ifndef CONFAB_IM_CROSSING_H
#define CONFAB_IM_CROSSING_H

#include "im/hook.h"

/* One stanza for one account (or full address). Belongs to whoever holds it, with its wire: ends with crossing_free. */
struct msg_stanza {
    struct msg msg;
    struct origin origin;
    int64_t sender_account, out_sequence, owed;
    uint64_t origin_hash, about_hash;
    struct wire *wire; /* the element, without `to` */
    uint8_t kind;      /* enum stanza_kind */
    uint8_t type;      /* enum stanza_type */
    bool kept, offline, passing;
    bool fleeting;             /* typing: of no use to a quiet client (im/quiet.h) */
    bool copied;               /* other sessions of both sides may want it too (im/copy.h) */
    uint8_t row_flags;         /* as in struct walk */
    uint16_t to_len, from_len; /* recipient, full or bare; sender, 0: none */
    uint32_t id_len;
    bool has_id; /* it may be empty */
    char text[]; /* to, from, id */
};

static inline struct str crossing_to(const struct msg_stanza *m) {
    return str_of(m->text, m->to_len);
}
static inline struct str crossing_from(const struct msg_stanza *m) {
    return str_of(m->text + m->to_len, m->from_len);
}

/* The rest (origin, places in archives, debt) is filled in by the caller. s->el is written, whatever address it has. */
struct msg_stanza *crossing_new(const struct stanza *s, struct jid to);
/* Of an element that we serialised before (a debt); NULL: it is no sound stanza. */
struct msg_stanza *crossing_of_bytes(struct arena *arena, struct str bytes, struct jid to);
/* One more child at its end, as bytes that name their namespace. */
void crossing_add(struct msg_stanza *m, struct str child);
void crossing_free(struct msg_stanza **m);
/* The recipient's side of the walk; it borrows m. What must be looked into (presence, requests to the account) is parsed. */
void crossing_open(struct turn *turn, struct msg_stanza *m, struct account *account, struct walk *out);

#endif
