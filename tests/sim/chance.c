/*
 * chance.c: every decision of a run comes from here, the server's random numbers too: the linker puts these in the place of
 * base/crypto.c's (--wrap), so that a seed is one run and not many.
 */
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/map.h"
#include "sim.h"

static uint64_t server_state = 1;

static uint64_t chance_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void chance_seed(struct world *w, uint64_t seed) {
    server_state = 1;
    map_hash(STR("the key of the tables is chosen once, at first use"));
    server_state = seed ^ UINT64_C(0x5eed);
    w->seed = w->chance = seed;
}

unsigned roll(struct world *w, unsigned n) {
    return (unsigned)((chance_next(&w->chance) >> 33) % n);
}

bool one_in(struct world *w, unsigned n) {
    return roll(w, n) == 0;
}

void __wrap_random_bytes(void *out, size_t len);
uint64_t __wrap_random_u64(void);
void __wrap_random_id(char out[23]);

void __wrap_random_bytes(void *out, size_t len) {
    for (size_t i = 0; i < len; i++) ((uint8_t *)out)[i] = (uint8_t)(chance_next(&server_state) >> 56);
}

uint64_t __wrap_random_u64(void) {
    return chance_next(&server_state);
}

void __wrap_random_id(char out[23]) {
    unsigned long long a = chance_next(&server_state) & 0xffffffffffff, b = chance_next(&server_state) & 0xffffffffff;
    snprintf(out, 23, "%012llx%010llx", a, b);
}
