// The bytes that every benchmark moves: 64 MiB of noise, again and again, so that making them costs nothing while the
// clock runs, and nobody on the way can compress them or share them.
#ifndef BENCHMARKS_PATTERN_H
#define BENCHMARKS_PATTERN_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum { PATTERN_LENGTH = 64 << 20 };

static uint8_t *pattern_make(void) {
    uint64_t *words = mmap(NULL, PATTERN_LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (words == MAP_FAILED) {
        perror("pattern");
        exit(1);
    }
    uint64_t state = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < PATTERN_LENGTH / 8; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;  // xorshift64
        words[i] = state;
    }
    return (uint8_t *)words;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// One line of JSON for the harness.
static void report(double seconds, double cpu, uint64_t bytes) {
    printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"bytes\": %llu}\n", seconds, cpu, (unsigned long long)bytes);
}
#endif
