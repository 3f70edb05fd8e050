/*
 * idle.c: a thread that does next to nothing, and how much CPU time its longest turn is said to have taken: idle SECONDS. Interrupts, the
 * kernel's network work and what the host of a virtual machine steals are counted as the time of whoever runs, so no bound on the
 * CPU time of a turn can be judged more exactly than this. Prints longest_us, turns over 5 ms, and its CPU time.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SLOW_US = 5000, BURST = 100, PAUSE_NS = 2000000 };

static uint64_t clock_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
    uint64_t until_us = clock_us(CLOCK_MONOTONIC) + (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000;
    uint64_t longest_us = 0, slow = 0, last_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    while (clock_us(CLOCK_MONOTONIC) < until_us) {
        for (int i = 0; i < BURST; i++) { /* a turn: the kernel is entered, the thread sleeps for a moment */
            struct timespec moment = {0, 1000}, pause = {0, PAUSE_NS};
            nanosleep(i ? &moment : &pause, NULL);
            uint64_t now_us = clock_us(CLOCK_THREAD_CPUTIME_ID), took_us = now_us - last_us;
            last_us = now_us;
            if (took_us > longest_us) longest_us = took_us;
            slow += took_us > SLOW_US;
        }
    }
    printf("longest_us=%llu slow=%llu cpu_us=%llu\n", (unsigned long long)longest_us, (unsigned long long)slow,
           (unsigned long long)last_us);
    return 0;
}
