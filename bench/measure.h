/* measure.h: what another process costs, from /proc, and a histogram of latencies. */
#ifndef CONFAB_BENCH_MEASURE_H
#define CONFAB_BENCH_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

int64_t now_us(void);
/* User and system time of all threads so far, in microseconds; 0 for pid 0. Steps of 10 ms: measure for seconds. */
int64_t cpu_of(pid_t pid);
/* Resident memory in bytes. */
int64_t rss_of(pid_t pid);

/* Buckets of 1/16 of a power of two: 6 % wide, no allocation. */
struct histogram {
    uint64_t count, buckets[64 * 16];
};
void histogram_add(struct histogram *h, uint64_t value);
/* The value below which `share` (0 to 1) of all lie. */
uint64_t histogram_at(const struct histogram *h, double share);

#endif
