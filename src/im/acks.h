/*
 * acks.h: acknowledgements (XEP-0198's <a/>). On the account's home.
 */
#ifndef CONFAB_IM_ACKS_H
#define CONFAB_IM_ACKS_H

#include <stdbool.h>
#include <stdint.h>

struct session;
struct turn;

/* How many a shard has lately had to tell; part of struct im. */
struct acks {
    int64_t since_ms;
    uint32_t moves;  /* of counts, since then */
    int64_t hold_ms; /* what follows from the time before that */
};

/* <r/> came on its stream: the same; each has an answer of its own. Between two stanzas only. */
void acks_asked(struct turn *turn, struct session *session);
/* At the end of a turn: tells the client what is handled if it does not know; at once, or when many are told, with the next stanza or soon. */
void acks_tell(struct turn *turn, struct session *session);
/* Something else was written, or the stream is about to end: what waits to be told is told now. */
void acks_tell_held(struct session *session);
/* Its client leaves in order: all that is handled is told. Between two stanzas only. */
void acks_tell_last(struct session *session);

#endif
