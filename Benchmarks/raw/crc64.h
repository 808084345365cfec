// Azure's CRC-64 for the raw tools: the same carry-less multiplication as outputfs has, by the same header, so that
// both sides pay the same for it. The polynomials' arithmetic is explained in Sources/Checksums.
#ifndef BENCHMARKS_CRC64_H
#define BENCHMARKS_CRC64_H
#include "../../Sources/CChecksums/shim.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t crc64_table[256], crc64_wide[2], crc64_far[2], crc64_near[2];
// Asked once: CPUID leaves a virtual machine, which takes microseconds.
static int crc64_width;

static uint64_t crc64_times_x(uint64_t a) { return (a >> 1) ^ (a & 1 ? 0x9A6C9329AC4BC9B5u : 0); }

static uint64_t crc64_product(uint64_t a, uint64_t b) {
    uint64_t sum = 0;
    for (int bit = 63; bit >= 0; bit--, b = crc64_times_x(b)) {
        if (a >> bit & 1) sum ^= b;
    }
    return sum;
}

// x^n.
static uint64_t crc64_power(uint64_t n) {
    uint64_t result = 1ull << 63, square = crc64_times_x(result);
    for (; n; n >>= 1, square = crc64_product(square, square)) {
        if (n & 1) result = crc64_product(result, square);
    }
    return result;
}

static void crc64_prepare(void) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t remainder = byte;
        for (int bit = 0; bit < 8; bit++) remainder = crc64_times_x(remainder);
        crc64_table[byte] = remainder;
    }
    crc64_wide[0] = crc64_power(4096 + 63), crc64_wide[1] = crc64_power(4096 - 1);
    crc64_far[0] = crc64_power(1024 + 63), crc64_far[1] = crc64_power(1024 - 1);
    crc64_near[0] = crc64_power(128 + 63), crc64_near[1] = crc64_power(128 - 1);
    crc64_width = cchecksums_carryless_width();
    if (!crc64_width) fputs("no carry-less multiplication here: CRC-64 by bytes\n", stderr);
}

static uint64_t crc64_by_bytes(uint64_t state, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) state = crc64_table[(state ^ bytes[i]) & 0xFF] ^ (state >> 8);
    return state;
}

// The checksum of everything whose checksum is `before` (0 for nothing) and of `count` bytes behind it.
static uint64_t crc64_update(uint64_t before, const void *bytes, size_t count) {
    uint64_t state = ~before;
    const uint8_t *at = bytes, *end = at + count;
    uint8_t remainder[16];
    size_t folded = crc64_width == 64 ? count & ~(size_t)511 : 0;
    if (folded) {
        cchecksums_crc64_fold_wide(at, folded, state, crc64_wide, crc64_near, remainder);
        state = crc64_by_bytes(0, remainder, 16), at += folded;
    }
    folded = crc64_width ? (size_t)(end - at) & ~(size_t)127 : 0;
    if (folded) {
        cchecksums_crc64_fold(at, folded, state, crc64_far, crc64_near, remainder);
        state = crc64_by_bytes(0, remainder, 16), at += folded;
    }
    return ~crc64_by_bytes(state, at, (size_t)(end - at));
}

static const char crc64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Base64 of `count` bytes with padding, and a NUL.
static void base64_encode(const uint8_t *bytes, size_t count, char *text) {
    for (size_t at = 0; at < count; at += 3) {
        size_t have = count - at < 3 ? count - at : 3;
        uint32_t group = 0;
        for (size_t i = 0; i < 3; i++) group = group << 8 | (i < have ? bytes[at + i] : 0);
        for (size_t i = 0; i < 4; i++) *text++ = i <= have ? crc64_alphabet[group >> (18 - 6 * i) & 63] : '=';
    }
    *text = 0;
}

// As `x-ms-content-crc64` has it: eight bytes, the lowest first, in base64 (12 characters).
static void crc64_text(uint64_t value, char text[13]) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> 8 * i);
    base64_encode(bytes, 8, text);
}
#endif
