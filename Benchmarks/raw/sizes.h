// The sizes of small files, the same on every side: from LEAST in powers of two to MOST, in turns.
#ifndef BENCHMARKS_SIZES_H
#define BENCHMARKS_SIZES_H
#include <stdint.h>

static uint64_t size_of(uint64_t number, uint64_t least, uint64_t most) {
    uint64_t steps = 1;
    while (least > 0 && least << steps <= most) steps++;
    return least << (number % steps);
}
#endif
