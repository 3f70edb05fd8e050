/* measure.c: see measure.h. */
#include "measure.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static size_t read_proc(pid_t pid, const char *name, char *out, size_t cap) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(out, 1, cap - 1, f) : 0;
    if (f) fclose(f);
    out[n] = '\0';
    return n;
}

int64_t cpu_of(pid_t pid) {
    char text[1024];
    if (pid == 0 || read_proc(pid, "stat", text, sizeof text) == 0) return 0;
    const char *after_name = strrchr(text, ')');
    unsigned long user = 0, system = 0;
    if (!after_name ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (int64_t)(user + system) * (1000000 / sysconf(_SC_CLK_TCK));
}

int64_t rss_of(pid_t pid) {
    char text[256];
    unsigned long pages = 0;
    if (pid == 0 || read_proc(pid, "statm", text, sizeof text) == 0 || sscanf(text, "%*u %lu", &pages) != 1) return 0;
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

void histogram_add(struct histogram *h, uint64_t value) {
    if (value < 16) {
        h->buckets[value]++;
    } else {
        int power = 63 - __builtin_clzll(value);
        h->buckets[(power - 3) * 16 + (int)((value >> (power - 4)) & 15)]++;
    }
    h->count++;
}

uint64_t histogram_at(const struct histogram *h, double share) {
    uint64_t wanted = (uint64_t)((double)h->count * share), seen = 0;
    for (int i = 0; i < 64 * 16; i++) {
        seen += h->buckets[i];
        if (seen > wanted) return i < 16 ? (uint64_t)i : (uint64_t)(16 + i % 16) << (i / 16 - 1);
    }
    return 0;
}
