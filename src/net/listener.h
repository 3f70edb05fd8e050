/* listener.h: accepting sockets. One per address and thread (SO_REUSEPORT spreads connections over gates). */
#ifndef CONFAB_NET_LISTENER_H
#define CONFAB_NET_LISTENER_H

#include "base/arena.h"
#include "base/str.h"
#include "net/conn.h"
#include "net/loop.h"

struct listener;

/* "127.0.0.1:5222", "[::1]:5222", "*:5222" (both families), "5222" (the same). Port 0: any free one, see listener_port.
 * on_accept gets a new non-blocking fd (its to keep) and the peer's address; at most 64 a turn. When the process is out
 * of descriptors it pauses for a second and says so in the log. On failure ERR_* and a sentence in out_message. */
int listener_open(struct loop *loop, struct str address, bool reuse_port,
                  void (*on_accept)(void *owner, int fd, const struct net_address *peer), void *owner,
                  struct arena *arena, struct listener **out, struct str *out_message);
void listener_close(struct listener **l);
uint16_t listener_port(const struct listener *l);

/* Networks in CIDR or single addresses, separated by spaces or commas. */
struct net_set;
int net_set_parse(struct str text, struct net_set **out);
void net_set_free(struct net_set **set);
bool net_set_has(const struct net_set *set, const struct net_address *a);

/*
 * PROXY protocol version 2 at the head of a connection from a trusted proxy. 0: *out_address is the client's (proxied
 * is set), *out_len bytes are consumed (LOCAL command: the address is left as it was, and is not marked). ERR_AGAIN: more bytes needed.
 * ERR_INVALID: no PROXY header, or a bad one.
 */
int proxy_v2_parse(struct str bytes, struct net_address *out_address, size_t *out_len);

#endif
