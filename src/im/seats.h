/*
 * seats.h: which sessions of this shard sit in which rooms. A room (features/muc) is of one home; all that it sends passes one FIFO for
 * each shard, where the message finds its readers: what is said to a thousand occupants crosses once, as one wire.
 */
#ifndef CONFAB_IM_SEATS_H
#define CONFAB_IM_SEATS_H

#include "im/im.h"
#include "shard/wire.h"
#include "xmpp/jid.h"

enum seats_order {
    SEATS_TAKE, /* that session sits there from now on, if it is not gone; and is given the wires, in order */
    SEATS_TELL, /* the wires are for that session alone */
    SEATS_ALL, /* for all who sit there but one: the second wire for those who may know who people are, the first for the others */
    SEATS_LEAVE, /* that session is given the wires and sits there no more */
};

/* Room's home -> a shard. */
struct msg_seats {
    struct msg msg;
    enum seats_order order;
    uint32_t occupant; /* the room's number of who sits there; ALL: who is left out, 0: nobody */
    bool is_trusted;   /* TAKE, TELL: it may know who people are, from here on */
    uint32_t done;     /* ALL: so many seats; else so many wires: it goes in slices */
    uint32_t wire_count;
    struct wire **wires;
    uint16_t room_len, full_len;
    char text[]; /* the room's bare address, the session's full one */
};

struct seats; /* of a shard: im->seats */

struct seats *seats_new(void);
void seats_free(struct seats **seats);

/* To the shard of that session. The wires are borrowed. */
void seats_tell(struct turn *turn, enum seats_order order, struct str room, struct jid full, uint32_t occupant,
                bool is_trusted, struct wire *const *wires, uint32_t count);
/* To all of that room's who sit at that shard. `open` NULL: all are given the same. */
void seats_all(struct turn *turn, uint16_t shard, struct str room, uint32_t but, struct wire *closed,
               struct wire *open);

/* Of that room, at this shard. */
uint32_t seats_count(const struct im *im, struct str room);

/* Message handler. */
void seats_on_msg(struct turn *turn, struct msg *msg);

#endif
