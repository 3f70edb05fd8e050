/* deliver.h: handing stanzas to the sessions of an account: what the delivery rules of several features stand on. */
#ifndef CONFAB_IM_DELIVER_H
#define CONFAB_IM_DELIVER_H

#include "im/account.h"
#include "im/hook.h"

struct outbox_item;

/* To every available session of non-negative priority; how many there were. A session that is being flooded counts, but
 * gets a kept message from the archive in its turn. */
unsigned deliver_to_available(struct turn *turn, struct account *account, struct wire *wire, int64_t sequence);
/* The same for what is of no use later: a quiet session (im/quiet.h) is left out. */
unsigned deliver_fleeting(struct turn *turn, struct account *account, struct wire *wire);
/* To every available session, whatever its priority (presence). */
void deliver_presence(struct turn *turn, struct account *account, struct jid from, struct wire *wire);
/* To one session, by the same rule as above for floods. */
void deliver_to(struct turn *turn, struct session *session, struct wire *wire, int64_t sequence);
/* What a session (`full`) that ended had not acknowledged. `lost`: nobody else has that archived message. */
void deliver_again(struct turn *turn, struct account *account, struct str full, const struct outbox_item *item,
                   bool lost);
/* A message to the bare address comes to this session. */
bool deliver_reaches(const struct session *session);
/* The message with the stanza-id of that place in the account's archive (0: as it is). The caller unrefs. */
struct wire *deliver_stamped(struct turn *turn, const struct account *account, struct wire *wire, int64_t sequence);
/*
 * A message (or copy of one) that could not be sent when it came, with its time: that of its place in the archive, or `time_us` if it
 * has none. NULL: it says it already, or is no message. The caller unrefs.
 */
struct wire *deliver_late(struct turn *turn, const struct account *account, const struct wire *wire, int64_t time_us);
/* The walk's stanza as bytes for sessions: with its stanza-id if it is archived. The caller unrefs. */
struct wire *deliver_wire(struct walk *walk);
/* <delay/> of a moment, said by `from`. */
void delay_add(struct turn *turn, struct xml_node *el, struct str from, int64_t time_us);

#endif
