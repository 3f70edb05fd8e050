/*
 * disk_shim.h: the calls by which blobs.c changes the disk (the linker hands them over: --wrap), and what a power cut would leave of them: of a file what was
 * synced and perhaps a part of what was appended since; of names what their folder's sync has made sure, and of the others any. A rename
 * happens or does not. One thread; it knows folders of one level.
 */
#ifndef CONFAB_TESTS_DISK_SHIM_H
#define CONFAB_TESTS_DISK_SHIM_H

#include <stdbool.h>
#include <stdint.h>

/* Forgets everything. Syncs do nothing when they are off. */
void disk_shim_begin(uint64_t seed, bool syncs);
/* Before the nth change or sync from now: the image is made in that folder (which is there, and empty), and `cut` called; all after it fails. 0: never. */
void disk_shim_cut_at(uint64_t nth, const char *image, void (*cut)(void));
/* At once, unless it has happened. */
void disk_shim_cut(void);
bool disk_shim_is_cut(void);
/* Nothing is watched any more: calls go to the system. */
void disk_shim_end(void);

#endif
