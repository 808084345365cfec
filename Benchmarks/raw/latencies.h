// How long single operations took, for their percentiles. Threads share one array.
#ifndef BENCHMARKS_LATENCIES_H
#define BENCHMARKS_LATENCIES_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static double *latencies;  // seconds
static uint64_t latencies_limit;
static _Atomic uint64_t latencies_count;

static void latencies_prepare(uint64_t limit) {
    latencies = calloc(limit ? limit : 1, sizeof *latencies);
    latencies_limit = limit;
    if (!latencies) {
        fputs("no memory for latencies\n", stderr);
        exit(1);
    }
}

static void latencies_note(double seconds) {
    uint64_t place = latencies_count++;
    if (place < latencies_limit) latencies[place] = seconds;
}

static int latencies_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

// One line of JSON for the harness; latencies in seconds.
static void latencies_report(double seconds, double cpu, uint64_t bytes) {
    uint64_t count = latencies_count < latencies_limit ? latencies_count : latencies_limit;
    qsort(latencies, count, sizeof *latencies, latencies_compare);
    printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"bytes\": %llu, \"operations\": %llu, \"p50\": %.6f, \"p99\": %.6f}\n",
        seconds, cpu, (unsigned long long)bytes, (unsigned long long)count, count ? latencies[count / 2] : 0,
        count ? latencies[count * 99 / 100] : 0);
}
#endif
