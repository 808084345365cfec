// Carry-less multiplication for CRC-64: an instruction that Swift has no name for. The arithmetic behind the two
// pairs of constants is in Sources/Checksums/CRC64Folding.swift.
#ifndef OUTPUTFS_CCHECKSUMS_H
#define OUTPUTFS_CCHECKSUMS_H
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static inline int cchecksums_has_carryless(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    return (c & bit_PCLMUL) && (c & bit_SSE4_1);
}

#define CCHECKSUMS_CARRYLESS __attribute__((target("pclmul,sse4.1")))

// Moves a remainder of 128 bits forward by the distance its constants stand for, onto the next 128 bits.
static inline CCHECKSUMS_CARRYLESS __m128i cchecksums_fold(__m128i remainder, __m128i constants, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(remainder, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(remainder, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

// Folds `count` bytes (a multiple of 128, at least 128) into 16 bytes with the same remainder. Eight lanes hide the
// latency of the multiplication (4 to 7 cycles). `start` is XORed into the first 8 bytes; far moves by 1,024 bits,
// near by 128.
static inline CCHECKSUMS_CARRYLESS void cchecksums_crc64_fold(
    const void *bytes, size_t count, uint64_t start, const uint64_t far[2], const uint64_t near[2], uint8_t out[16]
) {
    const __m128i *at = (const __m128i *)bytes;
    const __m128i *end = at + count / 16;
    const __m128i by_far = _mm_loadu_si128((const __m128i *)far);
    const __m128i by_near = _mm_loadu_si128((const __m128i *)near);
    __m128i lane[8];
    for (int i = 0; i < 8; i++) lane[i] = _mm_loadu_si128(at + i);
    lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi64_si128((long long)start));
    for (at += 8; at < end; at += 8) {
        for (int i = 0; i < 8; i++) lane[i] = cchecksums_fold(lane[i], by_far, _mm_loadu_si128(at + i));
    }
    for (int i = 1; i < 8; i++) lane[i] = cchecksums_fold(lane[i - 1], by_near, lane[i]);
    _mm_storeu_si128((__m128i *)out, lane[7]);
}
#else
static inline int cchecksums_has_carryless(void) { return 0; }

static inline void cchecksums_crc64_fold(
    const void *bytes, size_t count, uint64_t start, const uint64_t far[2], const uint64_t near[2], uint8_t out[16]
) {
    // Never called: the machine has no carry-less multiplication that this file knows.
    (void)bytes, (void)count, (void)start, (void)far, (void)near, (void)out;
}
#endif
#endif
