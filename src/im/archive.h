/*
 * archive.h: the service that keeps messages (XEP-0313's side of the router): decides what is kept, gives ids, writes both
 * archives in one transaction, and lets the walk go on after the commit.
 */
#ifndef CONFAB_IM_ARCHIVE_H
#define CONFAB_IM_ARCHIVE_H

#include "base/crypto.h"
#include "im/hook.h"

/* OUT STAMP: decides whether the message is kept and gives it its place in the sender's archive. */
enum verdict archive_stamp_out(struct walk *walk);
/* IN STAMP: gives it its place in the recipient's archive. */
enum verdict archive_stamp_in(struct walk *walk);
/* IN ARCHIVE: to the store; DELIVER comes after the commit. */
enum verdict archive_keep(struct walk *walk);
/* A message that somebody wants to read (a text, something encrypted), as against one that says something about others. */
bool archive_is_content(const struct xml_node *message);
/* It belongs into an archive, by what it holds and by what its sender asks for; whichever type it has. */
bool archive_wants(const struct xml_node *message);
/* Of a message that is put into an archive without a walk (store/pie.h): what ARCHIVE_COUNTS, _MARKER and _OFFLINE say of it. */
unsigned archive_flags(const struct xml_node *message);

/* Ids on the wire: opaque, unguessable, 22 characters. */
struct str archive_id(struct turn *turn, const struct account *account, int64_t sequence);
/* The same by the owner's number, which need not be an account's. */
struct str archive_id_of(struct turn *turn, int64_t owner, int64_t sequence);
/* ERR_NOT_FOUND: not an id of this account's archive (it may still name no row). */
int archive_id_read(struct turn *turn, const struct account *account, struct str id, int64_t *out_sequence);
/* The same on another thread, with a cipher of its own. */
int archive_id_decode(struct block_cipher *ids, struct arena *arena, int64_t account, struct str id,
                      int64_t *out_sequence);

/* Namespaces whose payloads are kept though there is no body. */
extern const struct str archive_namespaces[];

#endif
