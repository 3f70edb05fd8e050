/*
 * accounts_admin.h: making, changing and ending accounts, for whoever may: strangers who register (front/login_register.c), users
 * (features/register.c), admins (admin/). Each answer comes as a call of `done`, exactly once, with 0 or ERR_*.
 */
#ifndef CONFAB_IM_ACCOUNTS_ADMIN_H
#define CONFAB_IM_ACCOUNTS_ADMIN_H

#include "im/account.h"

struct session;

typedef void (*account_done)(struct turn *turn, void *arg, int err);

/*
 * May a stranger have that name? Any place. 0: *out_bare (in arena) is the address. ERR_INVALID: it is no local part.
 * ERR_DENIED: reserved by the configuration, or named there as an admin. Whether it is taken is found out by creating it.
 */
int registration_check(const struct server *server, struct arena *arena, struct str name, struct str *out_bare);

/*
 * Any place that handles MSG_STORE_DONE: derives the keys, then writes. The strings are copied. ERR_INVALID: the password is
 * empty or not allowed; ERR_EXISTS: the name is taken, or was; ERR_STORE, ERR_FULL: not now.
 */
void account_create_submit(struct turn *turn, struct server *server, struct str bare, struct str password,
                           unsigned iterations, account_done done, void *arg);

/* --- on the account's home, with the account ready; ERR_NOT_FOUND: there is none --- */

/* Every session ends but `except` (NULL: every one), after `done`; ERR_INVALID as above. */
void account_set_password(struct turn *turn, struct account *account, struct session *except, struct str password,
                          unsigned iterations, account_done done, void *arg);
/* With all that is its own; contacts are told (XEP-0077 3.2, RFC 6121 2.5.2). `done` is called before its sessions end. */
void account_remove(struct turn *turn, struct account *account, account_done done, void *arg);
/* `contact` becomes a contact that this account sees and shows itself to; the other side is another call. ERR_LIMIT: too many. */
void account_befriend(struct turn *turn, struct account *account, struct jid contact, account_done done, void *arg);

#endif
