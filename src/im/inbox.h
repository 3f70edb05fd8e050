/*
 * inbox.h: the service that says how far an account has read (docs/decisions/007-inbox.md). Messages of its own and markers move a mark by
 * being archived (store/inbox.h); here is the third way, of whoever says it to the server.
 */
#ifndef CONFAB_IM_INBOX_H
#define CONFAB_IM_INBOX_H

#include "im/account.h"
#include "store/inbox.h"

/* err 0: committed; state: how it stands now. ERR_NOT_FOUND: that conversation has no such row. */
typedef void (*inbox_read_done)(struct turn *turn, void *arg, int err, const struct inbox_state *state);

/*
 * The account has read its conversation with that bare address up to that row of its archive; `session` (NULL: none) says so and is charged. The
 * account's other sessions that asked for the inbox are told, then comes `done`. The mark only moves forward.
 */
void inbox_read(struct turn *turn, struct account *account, struct session *session, struct str peer, int64_t sequence,
                inbox_read_done done, void *arg);
/* <read/>, as the request is answered and others are told. */
struct xml_node *inbox_read_element(struct turn *turn, const struct account *account, struct str peer,
                                    const struct inbox_state *state);

#endif
