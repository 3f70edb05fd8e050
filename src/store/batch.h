/* batch.h: an SQL list of sixty-four parameters, ?1 to ?64: for statements about many things at once. Who has fewer binds the rest to what matches nothing. */
#ifndef CONFAB_STORE_BATCH_H
#define CONFAB_STORE_BATCH_H

enum { BATCH_MAX = 64 };

#define BATCH_8(a, b, c, d, e, f, g, h) "?" #a ", ?" #b ", ?" #c ", ?" #d ", ?" #e ", ?" #f ", ?" #g ", ?" #h
/* clang-format off */
#define BATCH_64                                                                                                       \
    BATCH_8(1, 2, 3, 4, 5, 6, 7, 8) ", " BATCH_8(9, 10, 11, 12, 13, 14, 15, 16) ", "                                   \
    BATCH_8(17, 18, 19, 20, 21, 22, 23, 24) ", " BATCH_8(25, 26, 27, 28, 29, 30, 31, 32) ", "                          \
    BATCH_8(33, 34, 35, 36, 37, 38, 39, 40) ", " BATCH_8(41, 42, 43, 44, 45, 46, 47, 48) ", "                          \
    BATCH_8(49, 50, 51, 52, 53, 54, 55, 56) ", " BATCH_8(57, 58, 59, 60, 61, 62, 63, 64)
/* clang-format on */

#endif
