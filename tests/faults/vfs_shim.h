/*
 * vfs_shim.h: an SQLite VFS over the system's own that can fail on demand and can tell what a power cut would have left.
 * For tests only: one shim per process, all of it behind one lock.
 */
#ifndef CONFAB_TESTS_VFS_SHIM_H
#define CONFAB_TESTS_VFS_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#define VFS_SHIM_NAME "confab-shim" /* for struct db_options.vfs */

/* Registers it, or forgets everything and begins anew with another seed. Files that exist count as synced when they are opened. */
void vfs_shim_register(uint64_t seed);

enum vfs_shim_failure { VFS_SHIM_IO /* writes, syncs, truncations, opens */, VFS_SHIM_FULL /* writes */ };
/* The nth operation of that kind from now (1: the next) fails, and all after it if `for_ever`; 0: none does. */
void vfs_shim_fail(uint64_t nth, enum vfs_shim_failure how, bool for_ever);
/* How many operations could have failed since vfs_shim_fail; whether one did. */
uint64_t vfs_shim_operations(void);
bool vfs_shim_failed(void);

/*
 * The power is cut: `directory` gets every file as the disk may hold it: what was synced, and of what was written since a random
 * part, in pieces of a sector and in any order. Nothing else changes; the caller reopens what is there.
 */
void vfs_shim_cut(const char *directory);
/* The same just before the nth write or sync from now (0: never); all operations after it fail, as if nobody were there any more. */
void vfs_shim_cut_at(uint64_t nth, const char *directory);
bool vfs_shim_is_cut(void); /* that has happened */

/*
 * For a running server. CONFAB_TEST_VFS holds words: seed=N, then image=DIRECTORY and cut=N (cut the power before the Nth write or
 * sync and end the process as SIGKILL would), or full=N or io=N (the Nth fails; full: all after it too; io=N+: likewise).
 * The name to put into db_options.vfs, or NULL when the variable is not set.
 */
const char *vfs_shim_from_environment(void);

#endif
