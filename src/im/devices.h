/*
 * devices.h: the apps and devices of an account that name themselves when they sign in: what is remembered of them, their tokens (XEP-0484), and
 * how one is signed out. On the account's home; the proof of a token is the gate's (front/login_fast.c). docs/decisions/010-fast.md.
 */
#ifndef CONFAB_IM_DEVICES_H
#define CONFAB_IM_DEVICES_H

#include "im/account.h"
#include "im/stream.h"
#include "xml/node.h"

/* The device of an <authenticate/>: a keyed hash of its user agent's id; 0: it has none. Any thread. */
int64_t device_of(const struct server *server, const struct xml_node *request);
/* The token that was made then for a client of an account. Any thread; in arena. */
struct str device_token_of(struct arena *arena, const struct server *server, const struct ht_purpose *purpose);

/* Signed in (stream->adopt): notes what is new about it, which goes to the store behind the sign-in, and decides whether it gets a token. */
void device_signs_in(struct turn *turn, struct stream *stream, const struct xml_node *request);
/* <token/> for the success; NULL: none. */
struct xml_node *device_token(struct turn *turn, const struct stream *stream);
/* It leaves: it was seen until now. */
void device_leaves(struct turn *turn, struct session *session);

/* Its connections and sessions end, those too that wait to be resumed. After its row says so. */
void device_end(struct turn *turn, struct account *account, int64_t client);

#endif
