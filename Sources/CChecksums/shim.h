// Carry-less multiplication for CRC-64: an instruction that Swift has no name for. The arithmetic behind the two
// pairs of constants is in Sources/Checksums/CRC64Folding.swift.
#ifndef OUTPUTFS_CCHECKSUMS_H
#define OUTPUTFS_CCHECKSUMS_H
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

// Bytes that one instruction multiplies: 16, or 64 where processor and kernel know AVX-512 registers; 0: none.
static inline int cchecksums_carryless_width(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_PCLMUL) || !(c & bit_SSE4_1)) return 0;
    if (!(c & bit_OSXSAVE)) return 16;
    // XCR0: whether the kernel saves xmm, ymm, the masks, and both halves of zmm.
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0xE6) != 0xE6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 16;
    return (b & bit_AVX512F) && (c & bit_VPCLMULQDQ) ? 64 : 16;
}

#define CCHECKSUMS_CARRYLESS __attribute__((target("pclmul,sse4.1")))
#define CCHECKSUMS_WIDE __attribute__((target("pclmul,sse4.1,avx512f,vpclmulqdq")))

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

// The same by four lanes an instruction: `count` is a multiple of 512, at least 512; far moves by 4,096 bits. Only where
// the width is 64.
static inline CCHECKSUMS_WIDE void cchecksums_crc64_fold_wide(
    const void *bytes, size_t count, uint64_t start, const uint64_t far[2], const uint64_t near[2], uint8_t out[16]
) {
    const uint8_t *at = (const uint8_t *)bytes;
    const uint8_t *end = at + count;
    const __m512i by_far = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)far));
    const __m128i by_near = _mm_loadu_si128((const __m128i *)near);
    __m512i lane[8];
    for (int i = 0; i < 8; i++) lane[i] = _mm512_loadu_si512(at + 64 * i);
    lane[0] = _mm512_xor_si512(lane[0], _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)start)));
    for (at += 512; at < end; at += 512) {
        for (int i = 0; i < 8; i++) {
            __m512i low = _mm512_clmulepi64_epi128(lane[i], by_far, 0x00);
            __m512i high = _mm512_clmulepi64_epi128(lane[i], by_far, 0x11);
            // 0x96: exclusive or of all three.
            lane[i] = _mm512_ternarylogic_epi64(low, high, _mm512_loadu_si512(at + 64 * i), 0x96);
        }
    }
    __m128i part[32];
    for (int i = 0; i < 8; i++) _mm512_storeu_si512(part + 4 * i, lane[i]);
    for (int i = 1; i < 32; i++) part[i] = cchecksums_fold(part[i - 1], by_near, part[i]);
    _mm_storeu_si128((__m128i *)out, part[31]);
}
#else
static inline int cchecksums_carryless_width(void) { return 0; }

static inline void cchecksums_crc64_fold(
    const void *bytes, size_t count, uint64_t start, const uint64_t far[2], const uint64_t near[2], uint8_t out[16]
) {
    // Never called: the machine has no carry-less multiplication that this file knows.
    (void)bytes, (void)count, (void)start, (void)far, (void)near, (void)out;
}

static inline void cchecksums_crc64_fold_wide(
    const void *bytes, size_t count, uint64_t start, const uint64_t far[2], const uint64_t near[2], uint8_t out[16]
) {
    (void)bytes, (void)count, (void)start, (void)far, (void)near, (void)out;
}
#endif
#endif
