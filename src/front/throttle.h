/*
 * throttle.h: how often sign-in failed lately, by account and by address prefix (IPv4 /24... see throttle.c), and how many accounts an
 * address has made. Counts decay, so nobody is ever locked out: attempts are answered later, not refused.
 */
#ifndef CONFAB_FRONT_THROTTLE_H
#define CONFAB_FRONT_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "net/conn.h"

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle **t);

/* One more event of that name; the count after decay, in thousandths. `half_ms`: the time in which a count halves. */
int64_t throttle_count(struct throttle *t, struct str name, int64_t half_ms, int64_t now_ms);
/* The same without counting. */
int64_t throttle_look(struct throttle *t, struct str name, int64_t half_ms, int64_t now_ms);
/* Forgets what has decayed; call it now and then. */
void throttle_sweep(struct throttle *t, int64_t now_ms);

/* Names: "f:" and the prefix of an address (IPv4 /32 and /24, IPv6 /64 and /48): out must hold 40 bytes. */
struct str throttle_prefix(char out[40], char kind, const struct net_address *a, bool wide);

#endif
